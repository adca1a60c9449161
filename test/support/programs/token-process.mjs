// A process that shares its classic token through Redis. argv[2] is { options, redisUrl } as JSON.
// Each message asks for that many calls of the API at once. The reply has the number of calls that
// succeeded and the codes of the others.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WxCloudStorageModule, WxCloudStorageService } from 'nestjs-wx-cloud-storage';
import { redisAccessTokenStore } from 'nestjs-wx-cloud-storage/redis';
import { createClient } from 'redis';

const { options, redisUrl } = JSON.parse(process.argv[2]);
const { appid, secret, ...rest } = options;
const client = createClient({ url: redisUrl });
// A client without a listener ends the process when its server goes away.
client.on('error', () => {});
await client.connect();

class ProcessModule {}
Module({
  imports: [
    WxCloudStorageModule.forRoot({
      ...rest,
      auth: { type: 'access-token', appid, secret, store: redisAccessTokenStore(client) },
    }),
  ],
})(ProcessModule);

const app = await NestFactory.createApplicationContext(ProcessModule, { logger: false });
const storage = app.get(WxCloudStorageService);

async function call() {
  try {
    // A separate call, as links and deletions would share calls.
    await storage.createUploadForm('a');
    return 'ok';
  } catch (error) {
    return error.code;
  }
}

process.on('message', async count => {
  const codes = await Promise.all(Array.from({ length: count }, call));
  const failed = codes.filter(code => code !== 'ok');
  process.send({ succeeded: codes.length - failed.length, failed });
});
process.once('disconnect', async () => {
  await app.close();
  client.destroy();
});
process.send('ready');
