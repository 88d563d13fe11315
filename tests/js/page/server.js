/**
 * The server's part for tests inside the page: sockets that answer as the server does, at once.
 *
 * `tests/e2e/test_in_page.py` runs this before the scripts of the page. A test sets what the room has, joins,
 * and then lets things happen: `chatServer.send(…)`.
 */
(() => {
  const PAGE = 50;

  /** What the room "general" has. A test may change it before the page joins. */
  const server = {
    /** @type {any[]} */ events: [],
    read: 0,
    users: ["ann", "bob"],
    /** Answers to requests wait until this is set to false. */
    isSlow: false,
    /** @type {FakeSocket[]} */ sockets: [],

    /** Store messages of bob, and send them to the page. */
    say(...texts) {
      for (const message of texts) this.send(this.store({ type: "message", username: "bob", message }));
    },

    /** Store an event without sending it. */
    store(event) {
      const seq = this.events.length + 1;
      const ts = Date.UTC(2026, 10, 24, 10, 0, seq);
      const stored = { id: `id-${seq}`, seq, room: "general", time: "10:00:00", ts, ...event };
      this.events.push(stored);
      return stored;
    },

    /** Send the page a message. */
    send(message) {
      this.sockets.at(-1)?.receive(message);
    },

    /** The messages of a type that the page has sent. */
    sent(type) {
      return this.sockets.flatMap((socket) => socket.sent).filter((message) => message.type === type);
    },

    /** Lose the connection. */
    lose() {
      this.sockets.at(-1)?.lose();
    },
  };

  class FakeSocket extends EventTarget {
    static OPEN = 1;
    readyState = 0;
    bufferedAmount = 0;
    /** @type {any[]} */ sent = [];

    constructor() {
      super();
      server.sockets.push(this);
      setTimeout(() => {
        this.readyState = 1;
        this.dispatchEvent(new Event("open"));
      });
    }

    send(text) {
      const message = JSON.parse(text);
      this.sent.push(message);
      const answers = answersTo(message);
      const answer = () => (server.isSlow ? setTimeout(answer, 10) : answers.forEach((one) => this.receive(one)));
      setTimeout(answer);
    }

    receive(message) {
      this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(message) }));
    }

    close() {
      this.lose(1000);
    }

    lose(code = 1006) {
      if (this.readyState === 3) return;
      this.readyState = 3;
      this.dispatchEvent(Object.assign(new Event("close"), { code, reason: "" }));
    }
  }

  function answersTo({ type, ref, room, rooms, before, username, message, id }) {
    const { events } = server;
    if (type === "hello") return [{ type: "welcome", v: 2, username, limits: {} }, ...Object.entries(rooms).map(joined)];
    if (type === "join") return [{ ...joined([room, {}]), ref }];
    if (type === "history") {
      const older = events.filter(({ seq }) => seq < before);
      return [{ type: "history", room, ref, history: older.slice(-PAGE), more: older.length > PAGE }];
    }
    if (type === "leave") return [{ type: "error", code: "not_joined", message: "", ref, room }];
    const kinds = { message: {}, edit: { type: "edited", target: id }, delete: { type: "deleted", target: id, message: "" } };
    if (!(type in kinds)) return [];
    const stored = server.store({ type, username: "ann", message, ...kinds[type] });
    return [{ type: "ack", ref, room, id: stored.id, seq: stored.seq }, stored];
  }

  function joined([room, { since }]) {
    const { users, read } = server;
    const events = room === "general" ? server.events : [];
    const recovered = since !== undefined;
    const history = recovered ? events.slice(since) : events.slice(-PAGE);
    const more = !recovered && events.length > PAGE;
    const state = { epoch: "k1", head: events.length, read, users, count: users.length, reads: {} };
    return { type: "joined", room, ...state, recovered, history, more };
  }

  Object.assign(globalThis, { WebSocket: FakeSocket, chatServer: server });
})();
