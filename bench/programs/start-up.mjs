// Starts an application once, and reports the time from the first import on.
const startMs = performance.now();
const [, , contestant] = process.argv;
await import('reflect-metadata');
const { Module } = await import('@nestjs/common');
const { NestFactory } = await import('@nestjs/core');
await import('@nestjs/platform-express');
const imports = [];
if (contestant === 'ours') {
  const { WxCloudStorageModule } = await import('nestjs-wx-cloud-storage');
  imports.push(WxCloudStorageModule.forRoot({ env: 'bench', appid: 'wx-bench', secret: 'bench' }));
}
if (contestant === 'node-sdk') {
  const { default: cloudbase } = await import('@cloudbase/node-sdk');
  cloudbase.init({ env: 'bench', secretId: 'bench', secretKey: 'bench' });
}
class AppModule {}
Module({ imports })(AppModule);
const app = await NestFactory.create(AppModule, { logger: false });
await app.init();
process.send(performance.now() - startMs);
await app.close();
process.disconnect();
