import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { builtPackage, manifestOf, ROOT } from '../package/support/files.js';
import { copyPackages, installedClosureOf } from '../package/support/installed-closure.js';
import { pack } from '../package/support/pack.js';
import { runToEnd } from '../support/child.js';

/** The quick start, as users type it. */
const TYPED_APPLICATION = `
import { Body, Controller, Module, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
import {
  FileId,
  InjectWxCloudStorage,
  type WxCloudStoredFile,
  WxCloudFileInterceptor,
  WxCloudStorageError,
  WxCloudStorageModule,
  WxCloudStorageService,
  type WxCloudUploadedFile,
} from 'nestjs-wx-cloud-storage';
import { startWxCloudEmulator } from 'nestjs-wx-cloud-storage/emulator';

@Controller('photos')
export class PhotosController {
  constructor(
    private readonly storage: WxCloudStorageService,
    @InjectWxCloudStorage('archive') private readonly archive: WxCloudStorageService,
  ) {}

  @Post()
  @UseInterceptors(
    WxCloudFileInterceptor('photo', {
      path: 'photos/',
      limits: { fileSize: 20 * 1024 * 1024 },
      contentTypes: ['image/*'],
    }),
  )
  create(@UploadedFile() photo: WxCloudUploadedFile, @FileId() fileId: string) {
    const size: number = photo.size;
    return { fileId, size };
  }

  @Post('copies')
  async copy(@Body('fileId') fileId: string): Promise<WxCloudStoredFile> {
    const bytes: Buffer = await this.storage.downloadBuffer(fileId, { maxBytes: 1024 });
    return this.archive.upload('copies/a.bin', bytes);
  }
}

@Module({
  imports: [
    WxCloudStorageModule.forRootAsync({
      isGlobal: true,
      useFactory: async () => (await startWxCloudEmulator()).options,
    }),
    WxCloudStorageModule.forRoot({ name: 'archive', env: 'e', appid: 'wx', secret: 's' }),
  ],
  controllers: [PhotosController],
})
export class AppModule {}

export const codeOf = (error: WxCloudStorageError): string => error.code;

// @ts-expect-error a misspelt option does not compile
WxCloudStorageModule.forRoot({ env: 'e', appid: 'wx', secret: 's', retries: 3 });
// @ts-expect-error nor does a way to authenticate that is left out
WxCloudStorageModule.forRoot({ env: 'e', isGlobal: true });
// @ts-expect-error nor a variable that may be missing
WxCloudStorageModule.forRoot({ env: 'e', appid: 'wx', secret: process.env['WX_SECRET'] });
WxCloudStorageModule.forRoot({ isGlobal: true });
`;

const TYPED_CONFIGURATION = {
  compilerOptions: {
    target: 'ES2022',
    module: 'NodeNext',
    strict: true,
    noEmit: true,
    experimentalDecorators: true,
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules/@types')],
  },
};

/** Prints for each entry that it was loaded, or the error, by module system. */
const LOAD_EACH = {
  module: loadEachBy('import'),
  commonjs: loadEachBy('require'),
};

let workplace: string;

describe('the tarball in a fresh folder with the declared dependencies and peers', () => {
  beforeAll(async () => {
    builtPackage();
    workplace = mkdtempSync(join(tmpdir(), 'packed-'));
    const packed = await pack(workplace);
    const home = join(workplace, 'node_modules', manifestOf(ROOT).name);
    copyPackages(ROOT, workplace, installedClosureOf(ROOT));
    mkdirSync(home, { recursive: true });
    const archive = join(workplace, packed.filename);
    await runToEnd('tar', ['-xzf', archive, '-C', home, '--strip-components=1'], {
      cwd: workplace,
    });
  });

  afterAll(() => {
    rmSync(workplace, { recursive: true, force: true });
  });

  it('has no development dependency beside it', () => {
    const beside = readdirSync(join(workplace, 'node_modules'));
    expect(beside).toEqual(expect.arrayContaining(['@nestjs', 'file-type', 'rxjs', 'undici']));
    expect(beside.filter(name => /^(jest|typescript|oxlint|sharp|@types)$/.test(name))).toEqual([]);
  });

  it.each(['mts', 'cts'])('compiles the quick start, and its own types, in a .%s', async kind => {
    const folder = join(workplace, `typed-${kind}`);
    mkdirSync(folder);
    writeFileSync(join(folder, `application.${kind}`), TYPED_APPLICATION);
    writeFileSync(join(folder, `control.${kind}`), 'export const wrong: string = 1;\n');
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(TYPED_CONFIGURATION));
    // The one mistake, put there on purpose, proves that the compiler did look.
    expect(await typeErrorsOf(folder)).toEqual([expect.stringMatching(/^control\.\wts\(1,14\): /)]);
  });

  it.each([
    ['import', 'module'],
    ['require()', 'commonjs'],
  ])('loads by %s without its optional peers, but for what needs them', async (_way, type) => {
    const folder = mkdtempSync(join(tmpdir(), 'without-peers-'));
    const modules = join(folder, 'node_modules');
    mkdirSync(join(modules, '@nestjs'), { recursive: true });
    for (const name of [
      '@nestjs/common',
      '@nestjs/core',
      'reflect-metadata',
      'rxjs',
      'undici',
      'file-type',
    ])
      symlinkSync(join(workplace, 'node_modules', name), join(modules, name));
    const home = manifestOf(ROOT).name;
    cpSync(join(workplace, 'node_modules', home), join(modules, home), { recursive: true });
    const args = [`--input-type=${type}`, '-e', LOAD_EACH[type as keyof typeof LOAD_EACH]];
    const { stdout } = await runToEnd(process.execPath, args, { cwd: folder });
    rmSync(folder, { recursive: true });
    expect(JSON.parse(stdout)).toEqual({
      '': 'loaded',
      '/emulator': 'loaded',
      '/redis': 'loaded',
      '/testing': 'loaded',
      '/swagger': expect.stringContaining('@nestjs/swagger'),
      '/terminus': expect.stringContaining('@nestjs/terminus'),
      '/opentelemetry': expect.stringContaining('@opentelemetry/api'),
    });
  });

  it.each([
    ['an ES module application', 'module', 'esm.mjs'],
    ['a CommonJS application', 'commonjs', 'commonjs.cjs'],
  ])(
    'serves %s: a form becomes a file ID, the file ID becomes the same bytes',
    async (_application, type, entry) => {
      const folder = join(workplace, type);
      cpSync(join(ROOT, 'test/package/applications'), folder, { recursive: true });
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type }));
      const { stdout } = await runToEnd(process.execPath, [entry], { cwd: folder });
      expect(stdout).toMatch(/^cloud:\/\/\S+\/photos\/\S+\.png holds what was uploaded$/m);
    },
    90_000,
  );
});

async function typeErrorsOf(folder: string): Promise<readonly string[]> {
  const compiler = join(ROOT, 'node_modules/typescript/lib/tsc.js');
  const output = await runToEnd(process.execPath, [compiler, '--pretty', 'false'], {
    cwd: folder,
  }).then(
    ({ stdout }) => stdout,
    ({ stdout }: { stdout: string }) => stdout,
  );
  return output
    .split('\n')
    .filter(line => /^(error |application\.|control\.|\S*nestjs-wx-cloud-storage)/.test(line));
}

function loadEachBy(load: 'import' | 'require'): string {
  return `
    void (async () => {
      const results = {};
      for (const entry of [
        '',
        '/emulator',
        '/redis',
        '/testing',
        '/swagger',
        '/terminus',
        '/opentelemetry',
      ]) {
        try {
          await ${load}('nestjs-wx-cloud-storage' + entry);
          results[entry] = 'loaded';
        } catch (error) {
          results[entry] = error.message;
        }
      }
      console.log(JSON.stringify(results));
    })();`;
}
