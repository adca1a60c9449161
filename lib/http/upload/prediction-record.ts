/** Number of predictions that are remembered. */
const REMEMBERED = 10;
/** Number of wrong ones among them that are too many. */
const TOO_MANY = 3;
/** Number of forms without predictions after that. */
const PAUSED_FORMS = 100;

/**
 * Remembers how well the sizes of a route's files were predicted. A route whose forms often go on
 * after their file stops predicting for a while, as each wrong prediction costs a request.
 */
export class PredictionRecord {
  #wasRight: boolean[] = [];
  #pausedForms = 0;

  /** Counts a form. Returns true when the sizes of its files may be predicted. */
  beginForm(): boolean {
    if (this.#pausedForms === 0) return true;
    this.#pausedForms -= 1;
    return false;
  }

  /** True while predictions are wrong too often. */
  get isPaused(): boolean {
    return this.#pausedForms > 0;
  }

  /** Records the outcome of one prediction. */
  record(isRight: boolean): void {
    // Of a form that began before the pause.
    if (this.isPaused) return;
    this.#wasRight = [...this.#wasRight, isRight].slice(-REMEMBERED);
    if (this.#wasRight.filter(wasRight => !wasRight).length < TOO_MANY) return;
    this.#wasRight = [];
    this.#pausedForms = PAUSED_FORMS;
  }
}

/** The records of the routes that one interceptor serves: one of a class serves several. */
export class PredictionRecords {
  readonly #records = new WeakMap<object, PredictionRecord>();

  /** Returns the record of a handler. */
  of(handler: object): PredictionRecord {
    const known = this.#records.get(handler);
    if (known !== undefined) return known;
    const record = new PredictionRecord();
    this.#records.set(handler, record);
    return record;
  }
}
