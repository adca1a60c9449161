/**
 * A pair of keys of Tencent Cloud with access to the bucket. An environment that was created in
 * WeChat belongs to an account of WeChat, so there are none for its bucket.
 */
interface CosKeyPair {
  /** The SecretId. */
  readonly secretId: string;
  /** The SecretKey. Never logged, never part of an error. */
  readonly secretKey: string;
  /**
   * The session token of temporary keys, which are then used until the process ends. Never logged,
   * never part of an error.
   * @defaultValue none: the keys are permanent
   */
  readonly token?: string | undefined;
}

/**
 * Temporary keys of the bucket, for `cos.credentials`.
 * @see https://cloud.tencent.com/document/product/1312/48195
 */
export interface WxCloudTemporaryCosKeys extends CosKeyPair {
  /** The end of the keys. */
  readonly expiresAt: Date;
}

/**
 * The source of the keys that sign requests to the bucket.
 * - `'container'`: the keys that the open API service (开放接口服务) gives to a service in WeChat Cloud
 *   Hosting;
 * - a pair of keys;
 * - a function that returns temporary keys. It is called once for any number of callers, and again
 *   5 minutes before the keys end (or in the last tenth of their life, if that is shorter).
 */
type CosKeyOption =
  'container' | CosKeyPair | (() => WxCloudTemporaryCosKeys | Promise<WxCloudTemporaryCosKeys>);

/** Direct access to the bucket, without an upload link for each file. */
export interface CosOptions {
  /**
   * The bucket, e.g. `7072-prod-8gtest-1300000000`, as 对象存储 → 存储配置 of the console shows it. It
   * is also the middle of every file ID.
   */
  readonly bucket: string;
  /**
   * The region of the bucket.
   * @defaultValue ap-shanghai
   */
  readonly region?: string | undefined;
  /**
   * The source of the keys.
   * @defaultValue 'container'
   */
  readonly credentials?: CosKeyOption | undefined;
  /**
   * Address for requests to the bucket, which go to `<endpoint>/<key>`: a gateway, or the emulator.
   * `http:` is refused unless the host is loopback.
   * @defaultValue `https://<bucket>.cos.<region>.myqcloud.com`
   */
  readonly endpoint?: string | undefined;
  /**
   * Size of a part. A body of unknown length that is larger is uploaded in parts while it arrives;
   * two parts of it are in memory. While many such bodies arrive, or memory is short, parts are
   * smaller, 1 MiB at least. One object has 10,000 parts at most. Bytes, from 1048576 (1 MiB) to
   * 67108864 (64 MiB).
   * @defaultValue 4194304 (4 MiB)
   */
  readonly partBytes?: number | undefined;
}
