// The soak's three processes talk in questions and answers, and children may tell news in between.
import { fork } from 'node:child_process';
import { once } from 'node:events';

/** How long an answer may take; only a process that hangs needs longer. */
const LONGEST_ANSWER_MS = 60_000;
/** How long a process may take to end by itself. */
const LONGEST_END_MS = 40_000;

/** A child process, as the runner sees it. */
export class ChildProcess {
  #child;
  #exit;
  #number = 0;
  #waiting = new Map();
  #onNews;
  /** What it wrote to its two outputs. */
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

  /** Starts a program of this folder; resolves with the child once it has told `ready`. */
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

  /** Asks something, and resolves with the answer. */
  ask(question, argument) {
    const number = ++this.#number;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no answer to "${question}" within ${LONGEST_ANSWER_MS} ms`)),
        LONGEST_ANSWER_MS,
      );
      this.#waiting.set(number, { resolve, reject, timer });
      // One that was killed a moment ago may still count as connected.
      const onSent = error => error && this.#failAll('cannot be asked');
      if (this.#child.connected) this.#child.send({ number, question, argument }, onSent);
      else this.#failAll('is gone');
    });
  }

  /** True once it has ended. */
  get isGone() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Sends it a signal. */
  signal(name) {
    this.#child.kill(name);
  }

  /** Tells it to end; resolves with its exit code, or with the signal when it had to be ended. */
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

/** What a child was started with. */
export const readParameters = () => JSON.parse(process.argv[2]);

/** In a child: tells something unasked. */
export function tell(news) {
  if (process.connected) process.send({ news });
}

/** In a child: answers the runner's questions until it goes away. */
export function answerQuestions(answers) {
  process.on('message', async ({ number, question, argument }) => {
    try {
      process.send({ number, answer: (await answers[question](argument)) ?? null });
    } catch (error) {
      process.send({ number, error: String(error?.stack ?? error) });
    }
  });
}
