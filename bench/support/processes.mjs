import { fork } from 'node:child_process';
import { once } from 'node:events';

/** A program in a process of its own, which answers questions one at a time. */
export class Program {
  #child;
  #last = Promise.resolve();
  /** What it told once it was ready. */
  ready;

  /** Starts `bench/programs/<name>.mjs` with parameters that it reads by {@link readParameters}. */
  static async start(name, parameters = {}, execArgv = []) {
    const program = new Program();
    const url = new URL(`../programs/${name}.mjs`, import.meta.url);
    program.#child = fork(url, [JSON.stringify(parameters)], { execArgv });
    program.ready = await program.#next();
    return program;
  }

  /** Asks it something; rejects with its own error. */
  async ask(question, parameters) {
    const answer = this.#last.then(async () => {
      this.#child.send({ question, parameters });
      return this.#next();
    });
    this.#last = answer.catch(() => {});
    return answer;
  }

  /** Ends it, and waits for that. */
  async stop() {
    if (this.#child.exitCode !== null || !this.#child.connected) return;
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(timer);
  }

  async #next() {
    const ended = new AbortController();
    const died = once(this.#child, 'exit', { signal: ended.signal }).then(([code]) => {
      throw new Error(`a program of the benchmark ended with ${code}`);
    });
    died.catch(() => {});
    try {
      const [message] = await Promise.race([once(this.#child, 'message'), died]);
      if (message.error !== undefined) throw new Error(message.error);
      return message.answer;
    } finally {
      ended.abort();
    }
  }
}

/** What the program was started with. */
export function readParameters() {
  return JSON.parse(process.argv[2]);
}

/** Tells that the program is ready, and answers questions by name from then on; ends with the one who asks. */
export function answerQuestions(ready, answers, close = () => {}) {
  process.on('message', async ({ question, parameters }) => {
    try {
      process.send({ answer: await answers[question](parameters) });
    } catch (error) {
      process.send({ error: error.stack ?? String(error) });
    }
  });
  process.once('disconnect', async () => {
    await close();
    process.exit();
  });
  process.send({ answer: ready });
}
