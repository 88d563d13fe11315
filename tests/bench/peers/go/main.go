// The guide's design, made to work: a hub goroutine with channels to register, unregister and broadcast, and for each client
// a queue of 256 with a goroutine that reads and one that writes. As in the guide, what waits for a client goes out as one
// message of several lines, in frames of at most 1,024 bytes. Unlike there, a client is registered once its name is known,
// only the hub closes a queue, and once only.
//
// It also echoes at /ws/echo, as the guide's first server does.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/websocket"
)

const (
	sendQueue     = 256
	maxFrameBytes = 1024
	pingEvery     = 30 * time.Second
	pongWithin    = 90 * time.Second
	writeWithin   = 10 * time.Second

	writeBufferBytes = 1024
)

var upgrader = websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: writeBufferBytes}

type event struct {
	ID       string `json:"id,omitempty"`
	Type     string `json:"type"`
	Username string `json:"username,omitempty"`
	Message  string `json:"message,omitempty"`
	Time     string `json:"time,omitempty"`
	Count    int    `json:"count,omitempty"`
}

func (e event) encode() []byte {
	encoded, err := json.Marshal(e)
	if err != nil {
		log.Fatal(err) // strings and a number: it cannot fail
	}
	return encoded
}

type client struct {
	conn *websocket.Conn
	send chan []byte
	name string
}

type hub struct {
	members    map[*client]bool
	register   chan *client
	unregister chan *client
	broadcast  chan []byte
}

func (h *hub) run() {
	for {
		select {
		case c := <-h.register:
			h.members[c] = true
			h.offer(c, event{Type: "presence", Count: len(h.members)}.encode())
		case c := <-h.unregister:
			h.drop(c)
		case encoded := <-h.broadcast:
			for c := range h.members {
				h.offer(c, encoded)
			}
		}
	}
}

// offer queues a frame for a member, or drops the member if its queue is full.
func (h *hub) offer(c *client, encoded []byte) {
	select {
	case c.send <- encoded:
	default:
		h.drop(c)
	}
}

func (h *hub) drop(c *client) {
	if h.members[c] {
		delete(h.members, c)
		close(c.send)
	}
}

func (c *client) readPump(h *hub) {
	defer c.conn.Close()
	c.conn.SetReadLimit(maxFrameBytes)
	c.conn.SetReadDeadline(time.Now().Add(pongWithin))
	c.conn.SetPongHandler(func(string) error {
		return c.conn.SetReadDeadline(time.Now().Add(pongWithin))
	})
	_, name, err := c.conn.ReadMessage()
	if err != nil {
		return
	}
	c.name = string(name)
	h.register <- c
	defer func() { h.unregister <- c }()
	go c.writePump()
	for {
		_, frame, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		var command event
		if json.Unmarshal(frame, &command) != nil {
			continue
		}
		now := time.Now()
		h.broadcast <- event{
			ID:       strconv.FormatInt(now.UnixNano(), 10),
			Type:     "message",
			Username: c.name,
			Message:  command.Message,
			Time:     now.Format("15:04:05"),
		}.encode()
	}
}

func (c *client) writePump() {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	defer c.conn.Close()
	for {
		select {
		case encoded, open := <-c.send:
			c.conn.SetWriteDeadline(time.Now().Add(writeWithin))
			if !open {
				c.conn.WriteMessage(websocket.CloseMessage, nil)
				return
			}
			if c.writeWithQueued(encoded) != nil {
				return
			}
		case <-ping.C:
			c.conn.SetWriteDeadline(time.Now().Add(writeWithin))
			if c.conn.WriteMessage(websocket.PingMessage, nil) != nil {
				return
			}
		}
	}
}

// writeWithQueued puts what else waits into the same message, one JSON object a line. The writer starts a new frame
// whenever its buffer of writeBufferBytes is full.
func (c *client) writeWithQueued(encoded []byte) error {
	w, err := c.conn.NextWriter(websocket.TextMessage)
	if err != nil {
		return err
	}
	w.Write(encoded)
	for n := len(c.send); n > 0; n-- {
		w.Write([]byte{'\n'})
		w.Write(<-c.send)
	}
	return w.Close()
}

func echo(w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		kind, frame, err := conn.ReadMessage()
		if err != nil || conn.WriteMessage(kind, frame) != nil {
			return
		}
	}
}

func main() {
	h := &hub{
		members:    make(map[*client]bool),
		register:   make(chan *client),
		unregister: make(chan *client),
		broadcast:  make(chan []byte, sendQueue),
	}
	go h.run()
	http.HandleFunc("/ws/echo", echo)
	http.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		c := &client{conn: conn, send: make(chan []byte, sendQueue)}
		go c.readPump(h)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}
