/** Checks a non-empty string. */
export function readText(option: string, value: unknown): string {
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw new TypeError(`startWxCloudEmulator: ${option} must be a non-empty string.`);
}

/** Checks a list. */
export function readList<T>(
  option: string,
  value: unknown,
  readItem: (option: string, value: unknown) => T,
): readonly T[] {
  if (!Array.isArray(value)) {
    throw new TypeError(`startWxCloudEmulator: ${option} must be a list.`);
  }
  return Object.freeze(value.map((item, index) => readItem(`${option}[${index}]`, item)));
}

/** Checks the name of an environment or a bucket. */
export function readName(option: string, value: unknown): string {
  if (typeof value === 'string' && /^[A-Za-z0-9][\w-]*$/.test(value)) return value;
  throw new TypeError(
    `startWxCloudEmulator: ${option} must consist of letters, digits, "-" and "_", and start with a letter or digit.`,
  );
}

/** Checks an integer within a range. */
export function readWhole(
  option: string,
  value: unknown,
  [min, max]: readonly [number, number],
): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max)
    return value;
  throw new TypeError(`startWxCloudEmulator: ${option} must be an integer from ${min} to ${max}.`);
}

/** Checks a value against the list of all possible ones. */
export function readChoice<T extends string>(
  option: string,
  value: unknown,
  choices: readonly T[],
): T {
  const found = choices.find(choice => choice === value);
  if (found !== undefined) return found;
  const names = choices.map(choice => `'${choice}'`);
  const list = `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
  throw new TypeError(`startWxCloudEmulator: ${option} must be ${list}.`);
}

/** Checks a boolean. */
export function readFlag(option: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new TypeError(`startWxCloudEmulator: ${option} must be true or false.`);
}

/** Checks that a value is an object with no unknown members. */
export function readMembers(
  option: string,
  value: unknown,
  known: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`startWxCloudEmulator: ${option} must be an object.`);
  }
  const unknown = Object.keys(value).find(name => !known.includes(name));
  if (unknown === undefined) return value as Readonly<Record<string, unknown>>;
  throw new TypeError(
    `startWxCloudEmulator: ${option} has no member ${unknown}; it has ${known.join(', ')}.`,
  );
}
