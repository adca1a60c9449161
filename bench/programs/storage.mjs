import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WxCloudStorageModule, WxCloudStorageService } from 'nestjs-wx-cloud-storage';

/** Creates the service of an application without HTTP, on the cloud of the benchmark. */
export async function openStorage(cloud, options = {}) {
  class StorageModule {}
  Module({
    imports: [
      WxCloudStorageModule.forRoot({
        env: 'bench',
        appid: 'wx-bench',
        secret: 'bench',
        apiBaseUrl: cloud,
        ...options,
      }),
    ],
  })(StorageModule);
  const app = await NestFactory.createApplicationContext(StorageModule, { logger: ['error'] });
  return { storage: app.get(WxCloudStorageService), close: () => app.close() };
}
