import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runToEnd } from '../../support/child.js';
import { builtPackage, ROOT } from './files.js';

/** The parts of packages that are not installed here, as far as the examples use them. */
const NOT_INSTALLED = `declare module '@nestjs/config' {
  export class ConfigModule {}
  export class ConfigService {
    getOrThrow<T = any>(propertyPath: string): Exclude<T, undefined>;
  }
}
declare module '@nestjs/schedule' {
  export enum CronExpression {
    EVERY_10_MINUTES = '0 */10 * * * *',
  }
  export function Cron(
    cronTime: string,
    options?: { waitForCompletion?: boolean },
  ): MethodDecorator;
}
declare module 'bullmq' {
  export class Queue {
    upsertJobScheduler(jobSchedulerId: string, repeat: { every?: number }): Promise<object>;
  }
}
declare module '@nestjs/bullmq' {
  export function InjectQueue(name?: string): ParameterDecorator;
  export function Processor(queueName?: string): ClassDecorator;
  export abstract class WorkerHost {
    abstract process(job: object, token?: string): Promise<any>;
  }
}
declare module '@cloudbase/node-sdk' {
  interface CloudBase {
    uploadFile(file: { cloudPath: string; fileContent: Buffer }): Promise<{ fileID: string }>;
    getTempFileURL(files: {
      fileList: string[];
    }): Promise<{ fileList: { fileID: string; tempFileURL: string }[] }>;
  }
  interface CloudBaseOptions {
    env: string | undefined;
    secretId: string | undefined;
    secretKey: string | undefined;
  }
  const cloudbase: { init(options: CloudBaseOptions): CloudBase };
  export default cloudbase;
}
declare module '@aws-sdk/client-s3' {
  export class S3Client {
    constructor(options: { region: string });
  }
}
declare module 'multer-s3' {
  import type { StorageEngine } from 'multer';
  interface Options {
    s3: import('@aws-sdk/client-s3').S3Client;
    bucket: string;
    contentType?(req: Express.Request, file: Express.Multer.File, callback: Function): void;
    key?(
      req: Express.Request,
      file: Express.Multer.File,
      callback: (error: any, key?: string) => void,
    ): void;
  }
  function s3Storage(options: Options): StorageEngine;
  namespace s3Storage {
    function AUTO_CONTENT_TYPE(): void;
  }
  export = s3Storage;
}`;

const CONFIGURATION = {
  compilerOptions: {
    target: 'ES2022',
    module: 'NodeNext',
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noPropertyAccessFromIndexSignature: true,
    isolatedModules: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    skipLibCheck: true,
    noEmit: true,
    types: ['node', 'jest'],
  },
};

/** A module that has one type error: proof that the compiler did look. */
const CONTROL = { path: 'control.ts', text: 'export const wrong: string = 1;\n' };

const CONTROL_ERROR = /^control\.ts\(1,14\): /;

/** TypeScript to compile, with a path of its own. */
export interface Module {
  readonly path: string;
  readonly text: string;
}

/**
 * Compiles modules as those of an application that has the built package and the packages of this
 * repository installed, in one run at the strict end, and returns the type errors.
 */
export async function typeErrorsOf(modules: readonly Module[]): Promise<readonly string[]> {
  builtPackage();
  const folder = mkdtempSync(join(tmpdir(), 'code-blocks-'));
  try {
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(CONFIGURATION));
    writeFileSync(join(folder, 'not-installed.d.ts'), NOT_INSTALLED);
    for (const { path, text } of [...modules, CONTROL]) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const errors = await compile(folder);
    const isProven = errors.some(error => CONTROL_ERROR.test(error));
    const others = errors.filter(error => !CONTROL_ERROR.test(error));
    return isProven ? others : [...others, 'types were not checked'];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compile(folder: string): Promise<readonly string[]> {
  const compiler = join(ROOT, 'node_modules/typescript/lib/tsc.js');
  const { stdout } = await runToEnd(process.execPath, [compiler, '--pretty', 'false'], {
    cwd: folder,
  }).catch((error: { stdout: string }) => error);
  return stdout.split('\n').filter(line => line !== '' && !line.startsWith(' '));
}
