import type { AbstractHttpAdapter } from '@nestjs/core';
import type { NestInterceptor, Type } from '@nestjs/common';
import {
  ExpressAdapter,
  FileInterceptor as ExpressFileInterceptor,
} from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { FileInterceptor as FastifyFileInterceptor } from '@nestjs/platform-fastify/multipart';
import type { WxCloudUploadEngine } from '../../lib/index.js';

/** An HTTP adapter that the package works on. */
export interface Adapter {
  readonly name: 'express' | 'fastify';
  create(): AbstractHttpAdapter;
  /** Nest's own interceptor for it. */
  readonly FileInterceptor: (
    field: string,
    options: {
      readonly storage: WxCloudUploadEngine;
      /** Fastify's own limit is 1 MiB. */
      readonly limits?: { readonly fileSize: number };
    },
  ) => Type<NestInterceptor>;
}

/** Nest's default. */
export const EXPRESS: Adapter = {
  name: 'express',
  create: () => new ExpressAdapter(),
  FileInterceptor: ExpressFileInterceptor,
};

/** With its own form parser. */
export const FASTIFY: Adapter = {
  name: 'fastify',
  create: () => new FastifyAdapter(),
  FileInterceptor: FastifyFileInterceptor,
};

/** Fastify over HTTP/2. */
export const FASTIFY_HTTP2: Adapter = {
  ...FASTIFY,
  create: () => new FastifyAdapter({ http2: true } as object),
};

/** The table that tests of the HTTP edge run on. */
export const ADAPTERS: readonly Adapter[] = [EXPRESS, FASTIFY];
