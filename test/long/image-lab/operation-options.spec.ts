import { beforeEach, describe, expect, it } from '@jest/globals';
import { useLabServer } from '../../support/image-lab/lab-server.js';
import { makeImage } from '../../support/image-lab/pictures.js';

const lab = useLabServer();
let fileId: unknown;

beforeEach(async () => {
  const { body } = await lab.upload(await makeImage('png', 'a.png'));
  fileId = body['fileId'];
});

const NUMBERS = [
  { operation: 'blur', option: 'sigma', min: 0.5, max: 40, wrong: ['0.4', '40.1'] },
  {
    operation: 'resize',
    option: 'longestSide',
    min: 16,
    max: 4_096,
    wrong: ['15', '4097', '480.5'],
  },
  { operation: 'rotate', option: 'degrees', min: -180, max: 180, wrong: ['-181', '181', '1.5'] },
  { operation: 'watermark', option: 'sizePercent', min: 2, max: 20, wrong: ['1', '21', '8.5'] },
  {
    operation: 'watermark',
    option: 'opacityPercent',
    min: 10,
    max: 100,
    wrong: ['9', '101', '50.5'],
  },
];
const NO_NUMBERS = ['1e999', '-1e999', '"16"', '""', 'null', 'true', '[16]', '{}'];

const TEXTS = [
  { option: 'text', wrong: ['""', '"   "', '7', 'null', '["a"]', JSON.stringify('a'.repeat(61))] },
  { option: 'text', wrong: ['"a\\nb"', '"a\\u0000"', '"\\ud83d"'] },
  { option: 'position', wrong: ['"top"', '""', '"SOUTHEAST"', 'null', '0', '["centre"]'] },
];

const VALID: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  blur: { sigma: '2' },
  resize: { longestSide: '64' },
  rotate: { degrees: '90' },
  watermark: { text: '"a"', position: '"centre"', sizePercent: '8', opacityPercent: '50' },
};

/** The responses to an operation with each text in place of one option; `undefined` omits it. */
async function runWith(
  operation: string,
  option: string,
  values: readonly (string | undefined)[],
): Promise<readonly (readonly unknown[])[]> {
  const responses = await Promise.all(
    values.map(value => {
      const options = Object.entries({ ...VALID[operation], [option]: value })
        .filter(([, json]) => json !== undefined)
        .map(([name, json]) => `"${name}": ${json}`);
      return lab.postText(
        '/api/operations',
        `{ "fileId": ${JSON.stringify(fileId)}, "operation": "${operation}", "options": { ${options.join(', ')} } }`,
      );
    }),
  );
  return responses.map(({ status, body }) => [status, body]);
}

/** A refusal that names an option. */
function refusalOf(details: object): readonly unknown[] {
  const error = { statusCode: 400, error: 'Image Error', errorCode: 'OPERATION_INVALID' };
  return [400, { ...error, message: expect.any(String), ...details }];
}

describe('an option of an operation', () => {
  it.each(NUMBERS)('must be in its range: $option of $operation', async row => {
    const { operation, option, min, max } = row;
    const wrong = [...row.wrong, ...NO_NUMBERS, undefined];

    const responses = await runWith(operation, option, wrong);
    const good = await runWith(operation, option, [String(min), String(max)]);

    expect(responses).toEqual(wrong.map(() => refusalOf({ option, min, max })));
    expect(good.map(([status]) => status)).toEqual([201, 201]);
    expect(await lab.listImages()).toHaveLength(3);
  });

  it.each(TEXTS)('must be a valid text: $option, not $wrong', async row => {
    const { option } = row;
    const wrong = [...row.wrong, undefined];

    const responses = await runWith('watermark', option, wrong);

    expect(responses).toEqual(wrong.map(() => refusalOf({ option })));
    expect(await lab.listImages()).toEqual([fileId]);
  });

  it('may be a text of 60 characters', async () => {
    const responses = await runWith('watermark', 'text', [JSON.stringify('a'.repeat(60))]);

    expect(responses.map(([status]) => status)).toEqual([201]);
  });

  it('must be one of the operation', async () => {
    const responses = await Promise.all([
      runWith('resize', 'sigma', ['2']),
      runWith('grayscale', 'degrees', ['90']),
      runWith('blur', '__proto__', ['{}']),
      runWith('blur', 'x'.repeat(1_000), ['1']),
    ]);

    expect(responses.flat()).toEqual([
      refusalOf({ option: 'sigma' }),
      refusalOf({ option: 'degrees' }),
      refusalOf({ option: '__proto__' }),
      refusalOf({ option: 'x'.repeat(80) }),
    ]);
  });
});
