'use strict';

require('reflect-metadata');
const common = require('@nestjs/common');
const core = require('@nestjs/core');
const storage = require('nestjs-wx-cloud-storage');
const emulator = require('nestjs-wx-cloud-storage/emulator');
const { runChecks } = require('./suite/run-checks.cjs');

const [, , adapter, withNestInterceptors] = process.argv;
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
void runChecks({ common, core, storage, emulator, ...adapters[adapter]() });
