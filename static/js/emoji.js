/** The emoji that a name in colons stands for. A small list: what people write in a chat at work. */

/** Names, each before its character. One character may have several names. */
const LIST = `
smile 😊 grin 😁 laugh 😂 joy 😂 rofl 🤣 happy 😀 wink 😉 blush ☺️ cool 😎 love 😍 kiss 😘 hug 🤗 thinking 🤔 neutral 😐
unsure 😕 worried 😟 sad 😢 cry 😭 angry 😠 furious 😡 shocked 😱 surprised 😮 tired 😴 sick 🤒 sweat 😅 relieved 😌
eyeroll 🙄 grimace 😬 zany 🤪 tongue 😛 shush 🤫 salute 🫡 melting 🫠 party 🥳 nerd 🤓 robot 🤖 ghost 👻 skull 💀 clown 🤡
devil 😈 angel 😇 cowboy 🤠 sleepy 😪 dizzy 😵 mindblown 🤯 pleading 🥺 yum 😋 thumbsup 👍 +1 👍 yes 👍 thumbsdown 👎 -1 👎
no 👎 ok 👌 wave 👋 hello 👋 clap 👏 pray 🙏 thanks 🙏 muscle 💪 strong 💪 handshake 🤝 fingers-crossed 🤞 victory ✌️
point-up ☝️ point-down 👇 point-left 👈 point-right 👉 raised-hand ✋ fist ✊ eyes 👀 brain 🧠 shrug 🤷 facepalm 🤦
heart ❤️ broken-heart 💔 yellow-heart 💛 green-heart 💚 blue-heart 💙 purple-heart 💜 fire 🔥 sparkles ✨ star ⭐ boom 💥
hundred 💯 100 💯 tada 🎉 confetti 🎊 balloon 🎈 gift 🎁 cake 🎂 trophy 🏆 medal 🏅 crown 👑 rocket 🚀 check ✅ done ✅
cross ❌ warning ⚠️ stop 🛑 forbidden 🚫 question ❓ exclamation ❗ info ℹ️ new 🆕 red-circle 🔴 yellow-circle 🟡
green-circle 🟢 arrow-right ➡️ arrow-left ⬅️ arrow-up ⬆️ arrow-down ⬇️ repeat 🔁 plus ➕ minus ➖ bug 🐛 wrench 🔧
hammer 🔨 tools 🛠️ gear ⚙️ lock 🔒 unlock 🔓 key 🔑 bulb 💡 idea 💡 bell 🔔 mute 🔕 megaphone 📣 speech 💬 memo 📝 note 📝
pencil ✏️ book 📖 books 📚 calendar 📅 clock 🕐 hourglass ⏳ stopwatch ⏱️ alarm ⏰ pin 📌 paperclip 📎 link 🔗 scissors ✂️
folder 📁 file 📄 chart 📊 chart-up 📈 chart-down 📉 search 🔍 mail 📧 package 📦 phone 📱 telephone ☎️ computer 💻
keyboard ⌨️ printer 🖨️ camera 📷 video 🎥 microphone 🎤 headphones 🎧 music 🎵 battery 🔋 plug 🔌 money 💰 card 💳
coffee ☕ tea 🍵 beer 🍺 cheers 🍻 wine 🍷 water 💧 pizza 🍕 burger 🍔 bread 🍞 cheese 🧀 salad 🥗 apple 🍎 banana 🍌 cookie 🍪
chocolate 🍫 icecream 🍦 popcorn 🍿 sun ☀️ cloud ☁️ rain 🌧️ storm ⛈️ snow ❄️ snowman ⛄ rainbow 🌈 moon 🌙 umbrella ☂️ earth 🌍
tree 🌳 flower 🌸 rose 🌹 leaf 🍀 cactus 🌵 cat 🐱 dog 🐶 mouse 🐭 rabbit 🐰 fox 🦊 bear 🐻 panda 🐼 monkey 🐵 see-no-evil 🙈
unicorn 🦄 horse 🐴 cow 🐮 pig 🐷 penguin 🐧 bird 🐦 owl 🦉 fish 🐟 whale 🐳 octopus 🐙 snake 🐍 turtle 🐢 snail 🐌 bee 🐝
car 🚗 bus 🚌 train 🚆 bicycle 🚲 plane ✈️ ship 🚢 house 🏠 office 🏢 factory 🏭 hospital 🏥 school 🏫 beach 🏖️ mountain ⛰️
football ⚽ basketball 🏀 game 🎮 dice 🎲 puzzle 🧩 target 🎯 art 🎨 zombie 🧟 wizard 🧙 detective 🕵️ baby 👶 family 👪
people 👥 runner 🏃 dancer 💃 bed 🛏️ bath 🛁 seedling 🌱 test-tube 🧪 microscope 🔬 telescope 🔭 magnet 🧲 flag 🚩 finish 🏁
`;

/** @typedef {{name: string, sign: string}} Emoji */

/** @type {Emoji[]} */
const EMOJI = [...LIST.matchAll(/(\S+) (\S+)/g)].map(([, name, sign]) => ({ name, sign }));

/**
 * @param {string} query The beginning of a name, or of a part of it.
 * @param {number} limit
 * @returns {Emoji[]} Those whose name begins so come first. Each character once.
 */
export function findEmoji(query, limit) {
  const wanted = keyOf(query);
  const exact = EMOJI.filter(({ name }) => name === wanted);
  const first = [...exact, ...EMOJI.filter(({ name }) => name.startsWith(wanted))];
  const more = EMOJI.filter(({ name }) => !name.startsWith(wanted) && name.includes(`-${wanted}`));
  /** @type {Map<string, Emoji>} */
  const bySign = new Map();
  for (const one of [...first, ...more]) if (!bySign.has(one.sign)) bySign.set(one.sign, one);
  return [...bySign.values()].slice(0, limit);
}

/**
 * @param {string} name
 * @returns {string} The character with exactly this name; empty for none.
 */
export function emojiNamed(name) {
  return EMOJI.find((one) => one.name === keyOf(name))?.sign ?? "";
}

/**
 * @param {string} name
 * @returns {string} As in the list. Many chats write the names with underscores.
 */
function keyOf(name) {
  return name.toLowerCase().replaceAll("_", "-");
}

/** Every name with its character, for tests. */
export const allEmoji = () => EMOJI;
