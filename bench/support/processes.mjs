import { fork } from 'node:child_process';
import { once } from 'node:events';

/** A program in a separate process, which answers questions one at a time. */
export class Program {
  #child;
  #last = Promise.resolve();
  /** The data that it sent when it was ready. */
  ready;

  /**
   * Starts `bench/programs/<name>.mjs` with parameters, which it reads by {@link readParameters}.
   */
  static async start(name, parameters = {}, execArgv = []) {
    const program = new Program();
    const url = new URL(`../programs/${name}.mjs`, import.meta.url);
    program.#child = fork(url, [JSON.stringify(parameters)], { execArgv });
    program.ready = await program.#next();
    return program;
  }

  /** Sends a question and returns the answer; rejects with the error of the program. */
  async ask(question, parameters) {
    const answer = this.#last.then(async () => {
      this.#child.send({ question, parameters });
      return this.#next();
    });
    this.#last = answer.catch(() => {});
    return answer;
  }

  /** Stops the program and waits until it has ended. */
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

/** Reads the parameters of the program. */
export function readParameters() {
  return JSON.parse(process.argv[2]);
}

/**
 * Reports that the program is ready, and answers questions by name from then on. Ends with the
 * parent process.
 */
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
