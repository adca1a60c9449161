import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { runToEnd } from '../support/child.js';
import {
  builtPackage,
  filesBelow,
  manifestOf,
  type PackageManifest,
  ROOT,
} from './support/files.js';
import { importsOf } from './support/imports.js';
import { copyPackages, installedClosureOf } from './support/installed-closure.js';
import { parseSource } from './support/syntax-tree.js';

/** What the tarball may hold; everything else is a mistake. */
const PACKED_FILE =
  /^(dist\/([a-z0-9.-]+\/)*[a-z0-9.-]+(\.js|\.d\.ts)|package\.json|LICENSE|CHANGELOG\.md|README(\.zh-CN)?\.md)$/;

const TOP_FILES = ['CHANGELOG.md', 'LICENSE', 'README.md', 'README.zh-CN.md', 'package.json'];

const MAX_PACKED_BYTES = 320 * 1024;
const MAX_UNPACKED_BYTES = 1280 * 1024;

/** The quick start, as users type it. */
const TYPED_APPLICATION = `
import { Body, Controller, Module, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
import {
  FileId,
  InjectWxCloudStorage,
  type StoredCloudFile,
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
  async copy(@Body('fileId') fileId: string): Promise<StoredCloudFile> {
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

interface PackResult {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

let workplace: string;
let packed: PackResult;
let paths: readonly string[];

beforeAll(async () => {
  builtPackage();
  workplace = mkdtempSync(join(tmpdir(), 'packed-'));
  packed = await pack(workplace);
  paths = packed.files.map(file => file.path);
});

afterAll(() => {
  rmSync(workplace, { recursive: true, force: true });
});

describe('the tarball', () => {
  it('holds built code and its types, the texts, and nothing else', () => {
    expect(paths.filter(path => !PACKED_FILE.test(path))).toEqual([]);
    expect(paths.filter(path => !path.startsWith('dist/')).toSorted()).toEqual(TOP_FILES);
  });

  it('holds the types of every file of lib: nothing left over, nothing missing', () => {
    const expected = filesBelow(join(ROOT, 'lib')).map(
      path => `dist/${path.replace(/\.ts$/, '.d.ts')}`,
    );
    expect(paths.filter(path => path.endsWith('.d.ts')).toSorted()).toEqual(expected.toSorted());
  });

  it('holds one file of code for each entry, what they share, and no other code', () => {
    const entries = entryFilesOf(manifestOf(ROOT));
    const shared = entries.flatMap(sharedFilesOf);
    const code = paths.filter(path => path.endsWith('.js'));
    expect(code.toSorted()).toEqual([...new Set([...entries, ...shared])].toSorted());
    expect(shared).not.toEqual([]);
    expect(shared.filter(path => !path.startsWith('dist/shared/'))).toEqual([]);
  });

  it('stays small', () => {
    expect(packed.size).toBeLessThan(MAX_PACKED_BYTES);
    expect(packed.unpackedSize).toBeLessThan(MAX_UNPACKED_BYTES);
  });
});

describe('the tarball in a fresh folder, with the declared dependencies and peers alone', () => {
  beforeAll(async () => {
    const home = join(workplace, 'node_modules', manifestOf(ROOT).name);
    copyPackages(ROOT, workplace, installedClosureOf(ROOT));
    mkdirSync(home, { recursive: true });
    const archive = join(workplace, packed.filename);
    await runToEnd('tar', ['-xzf', archive, '-C', home, '--strip-components=1'], {
      cwd: workplace,
    });
  });

  it('stands beside no development dependency', () => {
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

/** What the entries of the package lead to. */
function entryFilesOf({ exports = {} }: PackageManifest): readonly string[] {
  return Object.values(exports)
    .flatMap(target => (typeof target === 'string' ? [] : [target.default]))
    .map(path => posix.normalize(path));
}

/** The files of this package that a built file imports. */
function sharedFilesOf(path: string): readonly string[] {
  return importsOf(parseSource(path, readFileSync(join(ROOT, path), 'utf8')))
    .map(({ specifier }) => specifier ?? 'something computed')
    .filter(specifier => specifier.startsWith('.'))
    .map(specifier => posix.join(posix.dirname(path), specifier));
}

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

async function pack(destination: string): Promise<PackResult> {
  const { stdout } = await runToEnd(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', destination],
    { cwd: ROOT },
  );
  const [result] = JSON.parse(stdout) as readonly PackResult[];
  if (result === undefined) throw new Error(`npm pack packed nothing: ${stdout}`);
  return result;
}
