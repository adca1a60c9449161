import { describe, expect, it } from '@jest/globals';
import { optionsMaker } from '../../../lib/options/module-options.js';

const MARK = 'Rec0gn1sable-Va1ue';

class Config {
  create(): unknown {
    return undefined;
  }
}
class Renamed {
  createWxCloudStorageOptions(): object {
    return {};
  }
}

type OptionsSource = Parameters<typeof optionsMaker>[0];

async function make(source: OptionsSource, injected: unknown): Promise<unknown> {
  return optionsMaker(source)(injected);
}

describe('optionsMaker', () => {
  it.each<[string, OptionsSource, unknown]>([
    ['a function', { useFactory: async (injected: unknown) => injected }, { env: 'e' }],
    ['a class', { useClass: Config }, { create: () => ({ env: 'e' }) }],
    ['an instance that is there', { useExisting: Config }, { create: async () => ({ env: 'e' }) }],
    ['the function, as Nest does', { useFactory: () => ({ env: 'e' }), useClass: Config }, {}],
  ])('reads the options from %s', async (_, source, injected) => {
    expect(await make(source, injected)).toEqual({ env: 'e' });
  });

  it.each<[OptionsSource, unknown, string, string]>([
    [{}, undefined, 'useFactory', 'a function that returns the options, unless'],
    [{ useFactory: { env: MARK } }, undefined, 'useFactory', 'a function that returns'],
    [{ useFactory: () => {} }, undefined, 'useFactory', 'the options, but it returned nothing'],
    [{ useFactory: async () => null }, undefined, 'useFactory', 'but it returned nothing'],
    [{ useFactory: () => MARK }, undefined, 'useFactory', 'but it returned a string'],
    [{ useFactory: () => [MARK] }, undefined, 'useFactory', 'but it returned an array'],
    [{ useClass: new Config() }, undefined, 'useClass', 'Give the class itself'],
    [{ useClass: Renamed }, new Renamed(), 'useClass', 'create(), which Renamed does not have'],
    [{ useClass: Config }, new Config(), 'useClass', 'Config.create() returned nothing'],
    [{ useExisting: Renamed }, new Renamed(), 'useExisting', 'which Renamed does not have'],
    [{ useExisting: Symbol('config') }, MARK, 'useExisting', 'which Symbol(config) does not'],
    [{ useExisting: 'CONFIG' }, undefined, 'useExisting', 'which CONFIG does not have'],
    [{ useExisting: Config }, new Config(), 'useExisting', 'Config.create() returned nothing'],
  ])(
    'says what is wrong with %p without showing a value',
    async (source, injected, option, text) => {
      await expect(make(source, injected)).rejects.toMatchObject({
        option,
        message: expect.stringContaining(text),
      });
      await expect(make(source, injected)).rejects.toMatchObject({
        message: expect.not.stringContaining(MARK),
      });
    },
  );
});
