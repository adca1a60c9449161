// The soak's processes communicate by questions and answers; children can also send messages
// unasked.
import { fork } from 'node:child_process';
import { once } from 'node:events';

/** The timeout for an answer; only a hanging process exceeds it. */
const LONGEST_ANSWER_MS = 60_000;
/** The timeout for the end of a process. */
const LONGEST_END_MS = 40_000;

/** A child process of the runner. */
export class ChildProcess {
  #child;
  #exit;
  #number = 0;
  #waiting = new Map();
  #onNews;
  /** The text of its two outputs. */
  output = '';
  errorOutput = '';

  constructor(child, onNews) {
    this.#child = child;
    this.#onNews = onNews;
    this.#exit = once(child, 'exit');
    child.stdout.setEncoding('utf8').on('data', text => (this.output += text));
    child.stderr.setEncoding('utf8').on('data', text => (this.errorOutput += text));
    child.on('message', message => this.#take(message));
    child.once('exit', (code, signal) => this.#failAll(`ended with ${code ?? signal}`));
  }

  /** Starts a program in this folder; resolves with the child when it has sent `ready`. */
  static async start(program, { parameters, execArgv = [], onNews = () => {} }) {
    const { NODE_OPTIONS: _inherited, ...env } = process.env;
    const child = fork(new URL(`../${program}`, import.meta.url), [JSON.stringify(parameters)], {
      execArgv,
      env,
      silent: true,
    });
    const started = new ChildProcess(child, onNews);
    started.ready = await started.ask('ready');
    return started;
  }

  /** Sends a question and resolves with the answer. */
  ask(question, argument) {
    const number = ++this.#number;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no answer to "${question}" within ${LONGEST_ANSWER_MS} ms`)),
        LONGEST_ANSWER_MS,
      );
      this.#waiting.set(number, { resolve, reject, timer });
      // A process that was killed a moment ago may still count as connected.
      const onSent = error => error && this.#failAll('cannot be asked');
      if (this.#child.connected) this.#child.send({ number, question, argument }, onSent);
      else this.#failAll('is gone');
    });
  }

  /** True if the process has ended. */
  get isGone() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Sends a signal to the process. */
  signal(name) {
    this.#child.kill(name);
  }

  /** Ends the process at once; resolves when all that it has sent until then was received. */
  async kill() {
    const isReceived = this.#child.connected ? once(this.#child, 'disconnect') : undefined;
    this.#child.kill('SIGKILL');
    await Promise.all([this.#exit, isReceived]);
  }

  /**
   * Asks the process to end; resolves with its exit code, or with the signal if it had to be
   * killed.
   */
  async stop() {
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), LONGEST_END_MS);
    const [code, signal] = await this.#exit;
    clearTimeout(timer);
    return code ?? signal;
  }

  #take({ number, answer, error, news }) {
    if (news !== undefined) return this.#onNews(news);
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    clearTimeout(waiting?.timer);
    if (error === undefined) waiting?.resolve(answer);
    else waiting?.reject(new Error(error));
  }

  #failAll(reason) {
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new Error(`the process ${reason}: ${this.errorOutput}`));
    }
    this.#waiting.clear();
  }
}

/** The parameters of this child process. */
export const readParameters = () => JSON.parse(process.argv[2]);

/** Sends a message to the runner, unasked. */
export function tell(news) {
  if (process.connected) process.send({ news });
}

/** Answers the runner's questions until it disconnects. */
export function answerQuestions(answers) {
  process.on('message', async ({ number, question, argument }) => {
    try {
      process.send({ number, answer: (await answers[question](argument)) ?? null });
    } catch (error) {
      process.send({ number, error: String(error?.stack ?? error) });
    }
  });
}
