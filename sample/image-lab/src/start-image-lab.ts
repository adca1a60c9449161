import { Logger } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { openCloud, type Cloud } from './cloud/cloud.js';
import { createApplication } from './create-application.js';
import { LabLogger } from './lab-logger.js';
import type { Settings } from './settings.js';
import { StartError } from './start-error.js';

const HOST = '127.0.0.1';

/**
 * Starts the image lab and prints its URL. Leaves nothing running if it fails.
 * @throws {StartError} if the port cannot be used
 */
export async function startImageLab({ port, allowedHosts, wechat }: Settings): Promise<void> {
  const cloud = await openCloud(wechat);
  try {
    const application = await createApplication(cloud, new LabLogger(), allowedHosts);
    await listen(application, port);
    announce(cloud, await application.getUrl());
  } catch (error) {
    await cloud.close();
    throw error;
  }
}

async function listen(application: NestExpressApplication, port: number): Promise<void> {
  try {
    await application.listen(port, HOST);
  } catch (error) {
    await application.close();
    throw explainListenFailure(error, port);
  }
}

function explainListenFailure(error: unknown, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return new StartError(
      `Port ${port} on ${HOST} is taken: stop the program that uses it, or set PORT to another one, e.g. PORT=${port === 3001 ? 3002 : 3001}.`,
    );
  }
  if (code === 'EACCES') {
    return new StartError(
      `Port ${port} on ${HOST} is not for this user: set PORT to one from 1024 on, e.g. PORT=3000.`,
    );
  }
  return error;
}

function announce(cloud: Cloud, url: string): void {
  const logger = new Logger('ImageLab');
  logger.log(cloud.description);
  logger.log(`Image lab: ${url}`);
}
