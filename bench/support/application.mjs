// The application of the benchmark, in a process of its own. argv[2]: the contestant; argv[3]: the module's options.
import 'reflect-metadata';
import { Controller, Get, Module, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FileInterceptor } from '@nestjs/platform-express';
import { WxCloudFileInterceptor, WxCloudStorageModule } from 'nestjs-wx-cloud-storage';

const [, , contestant, json] = process.argv;
const options = JSON.parse(json);

/** What the usual tutorial does: the whole file in memory, a token kept in a variable, a form made by hand. */
const tutorial = {
  token: undefined,
  async store(file) {
    this.token ??= this.call('/cgi-bin/stable_token', {
      grant_type: 'client_credential',
      appid: options.appid,
      secret: options.secret,
    });
    const { access_token: token } = await this.token;
    const path = `bench/${crypto.randomUUID()}`;
    const link = await this.call(`/tcb/uploadfile?access_token=${token}`, {
      env: options.env,
      path,
    });
    const form = new FormData();
    form.append('key', path);
    form.append('Signature', link.authorization);
    form.append('x-cos-security-token', link.token);
    form.append('x-cos-meta-fileid', link.cos_file_id);
    form.append('file', new Blob([file.buffer]));
    const answer = await fetch(link.url, { method: 'POST', body: form });
    if (!answer.ok) throw new Error(`COS answered ${answer.status}`);
    return { size: file.size, fileId: link.file_id };
  },
  async call(path, body) {
    const answer = await fetch(options.apiBaseUrl + path, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    return answer.json();
  },
};

const INTERCEPTORS = {
  ours: () => WxCloudFileInterceptor('file', { limits: { fileSize: Infinity } }),
  tutorial: () => FileInterceptor('file'),
};

class BenchController {
  async create(file) {
    return contestant === 'ours' ? { size: file.size, fileId: file.fileId } : tutorial.store(file);
  }

  usage() {
    return { cpu: process.cpuUsage(), peakKilobytes: process.resourceUsage().maxRSS };
  }
}

const methodOf = name => Object.getOwnPropertyDescriptor(BenchController.prototype, name);
Controller()(BenchController);
Post('upload')(BenchController.prototype, 'create', methodOf('create'));
UseInterceptors(INTERCEPTORS[contestant]())(
  BenchController.prototype,
  'create',
  methodOf('create'),
);
UploadedFile()(BenchController.prototype, 'create', 0);
Get('usage')(BenchController.prototype, 'usage', methodOf('usage'));

class BenchModule {}
Module({ imports: [WxCloudStorageModule.forRoot(options)], controllers: [BenchController] })(
  BenchModule,
);

const app = await NestFactory.create(BenchModule, { logger: ['error', 'warn'] });
await app.listen(0, '127.0.0.1');
process.send(await app.getUrl());
process.once('disconnect', () => void app.close());
