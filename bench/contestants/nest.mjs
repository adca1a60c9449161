import { Controller, Module, Post, Req, UploadedFiles, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

/**
 * Starts a Nest application on Express with one route for files. `store` returns the response for
 * the files and their request, and each request passes the `middleware` first.
 */
export async function startNest({ interceptor, imports = [], store, middleware = [] }) {
  class BenchController {
    create(files, request) {
      return store(files, request);
    }
  }
  const method = Object.getOwnPropertyDescriptor(BenchController.prototype, 'create');
  Controller()(BenchController);
  Post('upload')(BenchController.prototype, 'create', method);
  UseInterceptors(interceptor)(BenchController.prototype, 'create', method);
  UploadedFiles()(BenchController.prototype, 'create', 0);
  Req()(BenchController.prototype, 'create', 1);
  class BenchModule {}
  Module({ imports, controllers: [BenchController] })(BenchModule);
  const app = await NestFactory.create(BenchModule, { logger: ['error', 'warn'] });
  for (const each of middleware) app.use(each);
  await app.listen(0, '127.0.0.1');
  return { url: await app.getUrl(), close: () => app.close() };
}

/** The response of every contestant. */
export function answerFor(files) {
  return { size: files.reduce((sum, { size }) => sum + size, 0) };
}

/** Reads the sizes of the files, as declared by the load generator. */
export function declaredSizeOf({ headers }) {
  const sizes = String(headers['x-file-size']).split(',');
  return sizes.reduce((sum, size) => sum + Number(size), 0);
}

/** Limits above what any case sends. */
export const LIMITS = { fileSize: 2 * 1024 ** 3, files: 100 };
