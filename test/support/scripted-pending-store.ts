import type {
  PendingFileStore,
  WxCloudClaimedFile,
  WxCloudPendingClaim,
  WxCloudPendingFile,
} from '../../lib/pending/pending-file-store.js';

/** A call of a scripted store: the method, and the file IDs. */
type ScriptedCall = readonly [method: 'add' | 'settle' | 'done', fileIds: readonly string[]];

/** A store of pending files whose answers a test gives. */
export class ScriptedPendingStore implements PendingFileStore {
  /** Every call, in order. */
  readonly calls: ScriptedCall[] = [];
  /** Every file that was added, in order. */
  readonly added: WxCloudPendingFile[] = [];
  /** Answers `add` and `settle`; by default at once, that nothing is claimed. */
  answer: (method: 'add' | 'settle', fileIds: readonly string[]) => unknown = () => undefined;
  /** Answers `claim`; by default with nothing. */
  claimed: (claim: WxCloudPendingClaim) => readonly WxCloudClaimedFile[] = () => [];
  /** Every claim, in order. */
  readonly claims: WxCloudPendingClaim[] = [];

  /** The calls of one method. */
  callsOf(method: ScriptedCall[0]): readonly (readonly string[])[] {
    return this.calls.filter(([name]) => name === method).map(([, fileIds]) => fileIds);
  }

  add(files: readonly WxCloudPendingFile[]): never {
    this.added.push(...files);
    const fileIds = files.map(({ fileId }) => fileId);
    this.calls.push(['add', fileIds]);
    return this.answer('add', fileIds) as never;
  }

  settle(fileIds: readonly string[]): never {
    this.calls.push(['settle', fileIds]);
    return this.answer('settle', fileIds) as never;
  }

  async claim(claim: WxCloudPendingClaim): Promise<readonly WxCloudClaimedFile[]> {
    this.claims.push(claim);
    return this.claimed(claim);
  }

  async done(fileIds: readonly string[]): Promise<void> {
    this.calls.push(['done', fileIds]);
  }
}
