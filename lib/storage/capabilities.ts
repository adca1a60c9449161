import type { CosRight } from './cos/rights.js';
import type { CosAccess } from './cos-access.js';

/**
 * The features that need direct access to the bucket: true for each that works with the options of
 * the instance, as far as is known. Rights of the keys show at first use, and a missing one
 * makes its feature false for 10 minutes.
 */
export interface WxCloudStorageCapabilities {
  /** The method `list`. */
  readonly list: boolean;
  /** The method `copy`. */
  readonly copy: boolean;
  /** The method `move`. */
  readonly move: boolean;
  /** The option `metadata` of uploads. */
  readonly metadata: boolean;
  /** The option `cacheControl` of uploads. */
  readonly cacheControl: boolean;
  /** The option `contentDisposition` of uploads. */
  readonly contentDisposition: boolean;
  /** The option `createOnly` of uploads. */
  readonly createOnly: boolean;
  /** The option `openid` of uploads. */
  readonly openid: boolean;
  /** The method `ownerOf`. */
  readonly ownerOf: boolean;
  /** The method `createUploadUrl`. */
  readonly createUploadUrl: boolean;
  /** The method `sweepUnfinishedUploads`. */
  readonly sweepUnfinishedUploads: boolean;
}

/** Returns the features that work. */
export function readCapabilities(cos: CosAccess | undefined): WxCloudStorageCapabilities {
  const may = (...rights: readonly CosRight[]): boolean =>
    cos !== undefined && !rights.some(right => cos.rights.isDenied(right));
  const hasOwners = cos?.metaIds.decode !== undefined;
  const copies = may('head', 'copy');
  const stores = may('put');
  return {
    list: may('list'),
    copy: copies,
    move: copies,
    metadata: stores,
    cacheControl: stores,
    contentDisposition: stores,
    createOnly: may('put', 'createOnly'),
    openid: stores && hasOwners,
    ownerOf: may('head') && hasOwners,
    createUploadUrl: stores,
    sweepUnfinishedUploads: may('listUploads', 'abortUpload'),
  };
}
