import { makeFile, makeImage } from './files.mjs';
import { formType, makeForm } from './forms.mjs';
import { CLOUD_FAILED, FULL } from './outcomes.mjs';
import { byAnyWay } from './ways.mjs';

const BOUNDARY = 'soak-drips';
/** More bytes than a client can drip before it is disconnected. */
const LONG = 20_000;

const dripping = (client, body, afterBytes, rest = {}) => ({
  path: byAnyWay(client, '/one'),
  headers: formType(BOUNDARY),
  body,
  drip: { afterBytes },
  ...rest,
});

export function intoText(client) {
  const body = makeForm([{ field: 'note', text: 'x'.repeat(LONG) }], BOUNDARY);
  return dripping(client, body, client.random.integer(100, 1_000));
}

const fileOf = (client, size) => makeFile(client.random, { name: client.nextName(), size });

export function intoFile(client) {
  const file = fileOf(client, client.random.pick([LONG, 400_000]));
  const body = makeForm([{ field: 'file', file }], BOUNDARY);
  return dripping(client, body, body.byteLength - LONG + client.random.integer(1_000, 9_000));
}

/** Stalls before the first part, or in the head of a part behind a file. */
export function betweenParts(client) {
  const parts = [{ field: 'file', file: fileOf(client, 500) }];
  const note = { field: 'note', text: '', padding: 'x'.repeat(2_000) };
  if (client.random.chance(0.5))
    return dripping(
      client,
      makeForm([...parts, note], BOUNDARY),
      makeForm(parts, BOUNDARY).byteLength,
    );
  const preamble = Buffer.alloc(LONG, 'x');
  return dripping(
    client,
    Buffer.concat([preamble, Buffer.from('\r\n'), makeForm(parts, BOUNDARY)]),
    10,
  );
}

/** Stalls after the end of the form, before the end of the request. */
function behindForm(client) {
  const files = [fileOf(client, 500)];
  const form = makeForm([{ field: 'file', file: files[0] }], BOUNDARY);
  const body = Buffer.concat([form, Buffer.alloc(LONG, ' ')]);
  return dripping(client, body, form.byteLength, { files });
}

/** Never sends the rest of a file that is refused by its type. */
export function silent(client) {
  const file = fileOf(client, 200_000);
  const body = makeForm([{ field: 'file', file }], BOUNDARY);
  return {
    ...dripping(client, body),
    path: byAnyWay(client, '/images'),
    drip: undefined,
    stallAfter: 100_000,
  };
}

/** Stalls within a file. */
function stalled(client) {
  const file = fileOf(client, 20_000);
  const body = makeForm([{ field: 'file', file }], BOUNDARY);
  return {
    ...dripping(client, body),
    drip: undefined,
    stallAfter: client.random.integer(1_000, 19_000),
  };
}

/** Clients that stall or nearly do: each must be disconnected and leave nothing behind. */
export const SLOW = [
  { name: 'client stalls', weight: 0.4, expected: [408], plan: stalled },
  { name: 'refused, then silent', weight: 0.4, expected: [415], plan: silent },
  { name: 'drips into a text field', weight: 0.3, expected: [408], plan: intoText },
  { name: 'drips into a file', weight: 0.3, expected: [408], plan: intoFile },
  { name: 'drips between parts', weight: 0.3, expected: [408], plan: betweenParts },
  { name: 'drips behind the form', weight: 0.3, expected: [201, 408], plan: behindForm },
].map(kind => ({ ...kind, isSlow: true, expected: [...kind.expected, ...CLOUD_FAILED, FULL] }));

/**
 * A small form that arrives partly before and partly during a freeze: the rest waits in the kernel.
 */
export const FROZEN = {
  name: 'frozen in mid-form',
  expected: [201, ...CLOUD_FAILED, FULL],
  plan: client => {
    const files = [makeImage(client.random, client.nextName(), client.random.integer(100, 4_000))];
    const body = makeForm([{ field: 'file', file: files[0] }], BOUNDARY);
    const path = byAnyWay(client, '/one');
    return { path, headers: formType(BOUNDARY), files, body };
  },
};
