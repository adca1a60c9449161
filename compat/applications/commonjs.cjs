'use strict';

require('reflect-metadata');
const common = require('@nestjs/common');
const core = require('@nestjs/core');
const storage = require('nestjs-wx-cloud-storage');
const emulator = require('nestjs-wx-cloud-storage/emulator');
const { runChecks } = require('./suite/run-checks.cjs');

// Node must load the CommonJS build where it cannot require ES modules.
const wanted = process.features.require_module ? /\.js$/ : /\.cjs$/;
const found = require.resolve('nestjs-wx-cloud-storage');
if (!wanted.test(found)) throw new Error(`require() gave ${found}`);

const [, , adapter, withNestInterceptors, withOptionalPeers] = process.argv;
const hasNestInterceptors = withNestInterceptors === 'true';
const adapters = {
  express: () => {
    const { ExpressAdapter, FileInterceptor } = require('@nestjs/platform-express');
    return { createAdapter: () => new ExpressAdapter(), FileInterceptor };
  },
  fastify: () => {
    const { FastifyAdapter } = require('@nestjs/platform-fastify');
    const { FileInterceptor } = hasNestInterceptors
      ? require('@nestjs/platform-fastify/multipart')
      : {};
    return { createAdapter: () => new FastifyAdapter(), FileInterceptor };
  },
};
const optionalPeers =
  withOptionalPeers === 'true'
    ? {
        swagger: require('@nestjs/swagger'),
        wxSwagger: require('nestjs-wx-cloud-storage/swagger'),
        terminus: require('@nestjs/terminus'),
        wxTerminus: require('nestjs-wx-cloud-storage/terminus'),
      }
    : {};
void runChecks({ common, core, storage, emulator, ...optionalPeers, ...adapters[adapter]() });
