import { randomUUID } from 'node:crypto';
import { Body, Controller, Post, UseInterceptors } from '@nestjs/common';
import {
  type ReplicaChannel,
  WxCloudAnyFilesInterceptor,
  WxCloudFileInterceptor,
  WxCloudUploadProgress,
  type WxCloudStorageOptions,
  type WxCloudUploadProgressEvent,
} from '../../lib/index.js';
import type { Adapter } from './adapters.js';
import { startApplication, type TestApplication } from './application.js';

@Controller()
class VideosController {
  @Post('videos')
  @UseInterceptors(WxCloudAnyFilesInterceptor({ progressId: { header: 'x-upload-id' } }))
  create() {
    return { ok: true };
  }

  @Post('avatar')
  @UseInterceptors(WxCloudFileInterceptor('avatar', { path: () => 'avatars/one.png' }))
  replace() {
    return { ok: true };
  }

  @Post('fails')
  @UseInterceptors(WxCloudAnyFilesInterceptor({ progressId: { header: 'x-upload-id' } }))
  fail(@Body() _body: unknown): never {
    throw new Error('the handler failed');
  }
}

/** A watcher's events until now. */
export interface Watched {
  readonly events: readonly WxCloudUploadProgressEvent[];
  /** Ends the watch. */
  stop(): void;
}

/** Two applications as two replicas, with one cloud. */
export interface TwoReplicas {
  readonly first: TestApplication;
  readonly second: TestApplication;
  /** Ends both, and the cloud. */
  close(): Promise<void>;
}

/** Starts two replicas. `channelOf` makes the channel of each. */
export async function startTwoReplicas(
  adapters: readonly [Adapter, Adapter],
  channelOf: () => ReplicaChannel | Promise<ReplicaChannel>,
): Promise<TwoReplicas> {
  const controllers = [VideosController];
  const [adapter, otherAdapter] = adapters;
  const first = await startApplication({
    adapter,
    controllers,
    options: { replicas: await channelOf() },
  });
  const cloud = first.emulator.options as Partial<WxCloudStorageOptions>;
  const second = await startApplication({
    adapter: otherAdapter,
    controllers,
    options: { ...cloud, replicas: await channelOf() },
  });
  const close = async (): Promise<void> => {
    await second.close();
    await first.close();
  };
  return { first, second, close };
}

/** Watches uploads under an ID in a replica. */
export function watchIn({ app }: TestApplication, id: string): Watched {
  const events: WxCloudUploadProgressEvent[] = [];
  const progress = app.get(WxCloudUploadProgress, { strict: false });
  const subscription = progress.watch(id).subscribe(({ data }) => events.push(data));
  return { events, stop: () => subscription.unsubscribe() };
}

/** True when the last event is an end. */
export function hasEnded({ events }: Watched): boolean {
  return events.at(-1)?.type === 'end';
}

/** A progress ID. */
export function makeId(): string {
  return randomUUID();
}
