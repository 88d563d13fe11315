/** The real server, on a free port and in a folder of its own. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const project = fileURLToPath(new URL("../../../", import.meta.url));
/** The session of nox has the server installed. */
const python = process.env.SERVER_PYTHON ?? "python";

/** The server has this long to start, on a busy machine. */
const START_MS = 30_000;

export class ChatServer {
  #folder = mkdtempSync(join(tmpdir(), "trio-chat-"));
  #port = 0;
  #process;

  get url() {
    return `ws://127.0.0.1:${this.#port}/ws`;
  }

  /** Start, and wait until it is ready. A restart keeps the port and the store. */
  async start() {
    this.#port ||= await freePort();
    const settings = ["--port", String(this.#port), "--store", `sqlite:${join(this.#folder, "chat.db")}`];
    const options = { cwd: this.#folder, env: { ...process.env, PYTHONPATH: project }, stdio: ["ignore", "ignore", "inherit"] };
    this.#process = spawn(python, ["-m", "trio_chat", "--log-level", "error", ...settings], options);
    const deadline = Date.now() + START_MS;
    while (!(await this.#isReady())) {
      if (this.#process.exitCode !== null || Date.now() > deadline) throw new Error("the server did not start");
      await pause(20);
    }
  }

  async kill() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill("SIGKILL");
    await once(this.#process, "exit");
  }

  async close() {
    await this.kill();
    rmSync(this.#folder, { recursive: true });
  }

  async #isReady() {
    try {
      return (await fetch(`http://127.0.0.1:${this.#port}/readyz`)).ok;
    } catch {
      return false;
    }
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
