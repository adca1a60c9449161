/** A wrong setting, or a bad state, in the environment of an application. */
export type WxCloudEmulatorMisconfiguration = TokenMisconfiguration | SidecarMisconfiguration;

/** The reasons to refuse token calls with correct parameters. */
export type TokenMisconfiguration =
  | 'ip-not-whitelisted'
  | 'ip-not-registered'
  | 'wrong-secret'
  | 'secret-not-latest'
  | 'secret-frozen'
  | 'confirmation-needed'
  | 'confirmation-refused'
  | 'confirmation-refused-for-an-hour'
  | 'quota-used-up'
  | 'quota-of-the-minute';

/** The misconfigurations of the open API service. */
export type SidecarMisconfiguration =
  | 'path-not-listed'
  | 'path-refused'
  | 'path-refused-by-safe-link'
  | 'no-sidecar'
  | 'sidecar-not-ready'
  | 'secret-missing'
  | 'token-not-ready';

/** A simulated misconfiguration. */
export interface PlayedMisconfiguration {
  /** Ends the simulation; has no effect if it has already ended. */
  remove(): void;
}

/** All names, in the order in which messages list them. */
const NAMES = Object.keys({
  'ip-not-whitelisted': true,
  'ip-not-registered': true,
  'wrong-secret': true,
  'secret-not-latest': true,
  'secret-frozen': true,
  'confirmation-needed': true,
  'confirmation-refused': true,
  'confirmation-refused-for-an-hour': true,
  'quota-used-up': true,
  'quota-of-the-minute': true,
  'path-not-listed': true,
  'path-refused': true,
  'path-refused-by-safe-link': true,
  'no-sidecar': true,
  'sidecar-not-ready': true,
  'secret-missing': true,
  'token-not-ready': true,
} satisfies Readonly<Record<WxCloudEmulatorMisconfiguration, true>>);

/** The simulated misconfigurations. */
export class MisconfigurationList {
  #played: { readonly name: WxCloudEmulatorMisconfiguration }[] = [];

  /**
   * Simulates a misconfiguration until it is removed.
   * @throws {TypeError} if the name is unknown
   */
  add(name: WxCloudEmulatorMisconfiguration): PlayedMisconfiguration {
    if (!NAMES.includes(name)) {
      throw new TypeError(`misconfigure: the name must be one of ${NAMES.join(', ')}.`);
    }
    const entry = { name };
    this.#played.push(entry);
    return Object.freeze({
      remove: () => {
        this.#played = this.#played.filter(other => other !== entry);
      },
    });
  }

  /** Removes all. */
  clear(): void {
    this.#played = [];
  }

  /**
   * Returns the table entry of the misconfiguration that was added first, if any is in the table.
   */
  firstIn<T>(table: Readonly<Record<string, T>>): T | undefined {
    const first = this.#played.find(({ name }) => Object.hasOwn(table, name));
    return first === undefined ? undefined : table[first.name];
  }
}
