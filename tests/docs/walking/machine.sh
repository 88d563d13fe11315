# Turns fresh namespaces into a scratch machine, and runs a script there: machine.sh STAND-INS SCRIPT
# The files are the real ones below a layer in memory, so all paths are those of a reader. The network is
# a loopback of its own, so all ports are free. The services of Debian's packages run.
set -eu
ip link set lo up
scratch=$(mktemp -d)
mount -t tmpfs walk "$scratch"
for folder in etc var opt run; do
    mkdir -p "$scratch/$folder/upper" "$scratch/$folder/work"
    mount -t overlay walk "/$folder" \
        -o "lowerdir=/$folder,upperdir=$scratch/$folder/upper,workdir=$scratch/$folder/work"
done
export PATH="$1:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/trio-chat/bin"
rm -f /run/nginx.pid /run/redis/redis-server.pid
rm -rf /opt/trio-chat /etc/trio-chat /etc/nginx/trio-chat
systemctl start nginx
systemctl start postgresql
systemctl start redis-server
# The reader brings a certificate.
mkdir -p /etc/ssl/trio-chat
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=chat.example.org \
    -keyout /etc/ssl/trio-chat/privkey.pem -out /etc/ssl/trio-chat/fullchain.pem 2>/dev/null
exec bash -eu -o pipefail "$2"
