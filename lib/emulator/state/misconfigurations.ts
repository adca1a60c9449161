/** What can be set up wrongly, or be in a bad state, around an application. */
export type WxCloudEmulatorMisconfiguration = TokenMisconfiguration | SidecarMisconfiguration;

/** What the two token calls are refused for, however right their parameters are. */
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

/** What is wrong with the open API service. */
export type SidecarMisconfiguration =
  | 'path-not-listed'
  | 'path-refused'
  | 'no-sidecar'
  | 'sidecar-not-ready'
  | 'secret-missing'
  | 'token-not-ready';

/** A misconfiguration that is played. */
export interface PlayedMisconfiguration {
  /** Sets it right; nothing happens when that was done already. */
  remove(): void;
}

/** The order of this table is the one in which the names are shown. */
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
  'no-sidecar': true,
  'sidecar-not-ready': true,
  'secret-missing': true,
  'token-not-ready': true,
} satisfies Readonly<Record<WxCloudEmulatorMisconfiguration, true>>);

/** The misconfigurations that are played. */
export class MisconfigurationList {
  #played: { readonly name: WxCloudEmulatorMisconfiguration }[] = [];

  /** Plays one until it is removed. @throws {TypeError} when there is none of this name */
  add(name: WxCloudEmulatorMisconfiguration): PlayedMisconfiguration {
    if (!NAMES.includes(name)) {
      throw new TypeError(`misconfigure: the name has to be one of ${NAMES.join(', ')}.`);
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

  /** The one that was added first, of those with a place in a table. */
  firstIn<T>(table: Readonly<Record<string, T>>): T | undefined {
    const first = this.#played.find(({ name }) => Object.hasOwn(table, name));
    return first === undefined ? undefined : table[first.name];
  }
}
