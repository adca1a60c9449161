import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import type { WxCloudStorageOptions } from '../../lib/index.js';
import type { Adapter } from './adapters.js';
import { until } from './until.js';

/** An application in a process of its own, built from `dist`. */
export interface UploadApplication {
  readonly url: string;
  /** All that the process has written to its standard error output. */
  readErrorOutput(): string;
  /** The peak of its resident memory since the last call, in bytes. */
  readPeakBytes(): Promise<number>;
  /** Counts its open files below a folder, with a name or without. */
  countOpenFiles(folder: string): Promise<number>;
  /** Suspends the process, as a frozen container is. */
  freeze(): Promise<void>;
  /** Resumes it. */
  thaw(): void;
  close(): Promise<void>;
}

/** Options of such an application. */
export interface UploadApplicationParts {
  /** @defaultValue express */
  readonly adapter?: Adapter['name'];
  /** The module's options, as far as JSON can hold them. */
  readonly options: WxCloudStorageOptions;
  /** The largest file that the process can write, in blocks of 512 bytes. @defaultValue no limit */
  readonly fileBlocks?: number;
}

/** Starts `programs/upload-application.mjs`: its route `upload` stores the field `file`. */
export async function startUploadApplication({
  adapter = 'express',
  options,
  fileBlocks,
}: UploadApplicationParts): Promise<UploadApplication> {
  const program = 'test/support/programs/upload-application.mjs';
  const limit = fileBlocks === undefined ? 'unlimited' : String(fileBlocks);
  const script = `ulimit -f ${limit} && exec "$0" "$@"`;
  const child = spawn(
    '/bin/sh',
    ['-c', script, process.execPath, program, adapter, JSON.stringify(options)],
    { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] },
  );
  let errorOutput = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (errorOutput += text));
  const [message] = (await once(child, 'message')) as [{ url: string }];
  const handles = `/proc/${child.pid}/fd`;
  return {
    url: message.url,
    readErrorOutput: () => errorOutput,
    readPeakBytes: async () => {
      const response = await fetch(`${message.url}/memory`);
      return ((await response.json()) as { peakBytes: number }).peakBytes;
    },
    countOpenFiles: async folder => {
      const names = await readdir(handles);
      const targets = await Promise.all(
        names.map(name => readlink(`${handles}/${name}`).catch(() => '')),
      );
      return targets.filter(target => target.startsWith(folder)).length;
    },
    freeze: async () => {
      child.kill('SIGSTOP');
      // The state stands behind the name of the program, which is in brackets.
      const isStopped = async (): Promise<boolean> =>
        /\) T /.test(await readFile(`/proc/${child.pid}/stat`, 'utf8'));
      await until(isStopped, 'a process that stands still');
    },
    thaw: () => void child.kill('SIGCONT'),
    close: async () => {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}
