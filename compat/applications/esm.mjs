import 'reflect-metadata';
import * as common from '@nestjs/common';
import * as core from '@nestjs/core';
import * as storage from 'nestjs-wx-cloud-storage';
import * as emulator from 'nestjs-wx-cloud-storage/emulator';
import { runChecks } from './suite/run-checks.cjs';

const [, , adapter, withNestInterceptors, withOptionalPeers] = process.argv;
const hasNestInterceptors = withNestInterceptors === 'true';
const adapters = {
  express: async () => {
    const { ExpressAdapter, FileInterceptor } = await import('@nestjs/platform-express');
    return { createAdapter: () => new ExpressAdapter(), FileInterceptor };
  },
  fastify: async () => {
    const { FastifyAdapter } = await import('@nestjs/platform-fastify');
    const { FileInterceptor } = hasNestInterceptors
      ? await import('@nestjs/platform-fastify/multipart')
      : {};
    return { createAdapter: () => new FastifyAdapter(), FileInterceptor };
  },
};
const optionalPeers =
  withOptionalPeers === 'true'
    ? {
        swagger: await import('@nestjs/swagger'),
        wxSwagger: await import('nestjs-wx-cloud-storage/swagger'),
        terminus: await import('@nestjs/terminus'),
        wxTerminus: await import('nestjs-wx-cloud-storage/terminus'),
      }
    : {};
const platform = await adapters[adapter]();
await runChecks({ common, core, storage, emulator, ...optionalPeers, ...platform });
