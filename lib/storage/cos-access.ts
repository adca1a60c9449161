import type { StorageLogger } from '../diagnostics.js';
import { WxCloudStorageError } from '../errors/errors.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { HttpTransport } from '../transport/http-client.js';
import { JsonApi } from '../wechat/wechat-api.js';
import { BucketRequests } from './cos/bucket-requests.js';
import { CosBucket } from './cos/cos-bucket.js';
import { createCosCredentials } from './cos/credentials.js';
import { PartSizes } from './cos/part-sizes.js';
import { CosRights } from './cos/rights.js';
import { ServerClock } from './cos/server-clock.js';
import type { FileCallsContext } from './file-calls.js';
import { linkMetaIds, type MetaIdSigner, SidecarMetaIds } from './meta-ids.js';

/** Address of the sidecar, which the container resolves to it. */
const SIDECAR = 'http://api.weixin.qq.com';

/** Direct access to the bucket of an instance. */
export interface CosAccess {
  /** Sends requests to the bucket. */
  readonly bucket: CosBucket;
  /** Remembers what the keys may not do. */
  readonly rights: CosRights;
  /** Signs file IDs. */
  readonly metaIds: MetaIdSigner;
  /** Divides memory among uploads in parts. */
  readonly partSizes: PartSizes;
  /** Ends a fetch of keys. */
  close(): void;
}

/**
 * Creates the direct access to the bucket; undefined without the option `cos`. Makes no request
 * yet.
 */
export function createCosAccess(
  transport: HttpTransport,
  calls: FileCallsContext & { readonly options: ResolvedOptions },
  logger: StorageLogger,
): CosAccess | undefined {
  const { cos, auth, apiBaseUrl, timeouts, retry, upload } = calls.options;
  if (cos === undefined) return undefined;
  // A gateway to WeChat has no sidecar behind it; the emulator plays both.
  const sidecarUrl = apiBaseUrl.startsWith('http:') ? apiBaseUrl : SIDECAR;
  const sidecar = new JsonApi(transport, sidecarUrl, 'open-api-service');
  const clock = new ServerClock();
  const credentials = createCosCredentials({
    credentials: cos.credentials,
    sidecar,
    clock,
    tokenMs: timeouts.tokenMs,
    retry,
    onRenewalFailed: error =>
      logger.warn(
        `The keys of cos.credentials could not be renewed; the current ones stay in use until they expire. ${describe(error)}`,
      ),
  });
  const address = new URL(cos.address);
  const requests = new BucketRequests({ transport, address, credentials, clock });
  const isInContainer = cos.credentials.type === 'container' || auth.type === 'open-api-service';
  return {
    bucket: new CosBucket(requests, cos.host, timeouts.idleMs),
    rights: new CosRights(),
    partSizes: new PartSizes(cos.partBytes, upload.memoryBudgetBytes),
    metaIds: isInContainer ? new SidecarMetaIds(sidecar, cos.bucket) : linkMetaIds(calls),
    close: () => credentials.close(),
  };
}

function describe(error: unknown): string {
  return error instanceof WxCloudStorageError ? error.message : 'Check cos.credentials.';
}
