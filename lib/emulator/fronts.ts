import type { EmulatedCloud } from './emulated-cloud.js';
import { HttpFront } from './http-front.js';

/** The addresses of an emulated cloud. */
export interface FrontAddresses {
  /** `api.weixin.qq.com`, the object storage and the downloads. */
  readonly url: string;
  /** The open API service. */
  readonly sidecarUrl: string;
  /** The open API service, called by https. */
  readonly sidecarTlsUrl: string;
}

/** All servers in front of an emulated cloud. */
export class Fronts {
  readonly #own: HttpFront;
  readonly #sidecar: HttpFront;
  readonly #sidecarTls: HttpFront;

  /** Does not listen yet. */
  constructor(cloud: EmulatedCloud) {
    this.#own = new HttpFront(cloud);
    this.#sidecar = new HttpFront(cloud, { via: 'sidecar' });
    this.#sidecarTls = new HttpFront(cloud, { via: 'sidecar', isTls: true });
  }

  /** Listens on 127.0.0.1, the open API service at free ports. @throws {Error} naming the port when it cannot be had */
  async listen(port: number): Promise<FrontAddresses> {
    const url = await this.#own.listen(port);
    try {
      const sidecarUrl = await this.#sidecar.listen(0);
      return { url, sidecarUrl, sidecarTlsUrl: await this.#sidecarTls.listen(0) };
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** How many connections are open at all of them. */
  async countConnections(): Promise<number> {
    const counts = await Promise.all(this.#all.map(front => front.countConnections()));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Cuts the requests under way, and waits until they have ended. */
  async abortRequests(): Promise<void> {
    await Promise.all(this.#all.map(front => front.abortRequests()));
  }

  /** Cuts all connections, and gives the ports up. */
  async close(): Promise<void> {
    await Promise.all(this.#all.map(front => front.close()));
  }

  get #all(): readonly HttpFront[] {
    return [this.#own, this.#sidecar, this.#sidecarTls];
  }
}
