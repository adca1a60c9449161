import { fileURLToPath } from 'node:url';
import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { WxCloudExceptionFilter } from 'nestjs-wx-cloud-storage';
import { AppModule } from './app.module.js';
import type { Cloud } from './cloud/cloud.js';
import { compress } from './compress.js';
import { LabLogger } from './lab-logger.js';
import { readPage, servePage } from './page.js';
import { refuseStrangers } from './refuse-strangers.js';
import { securityHeaders } from './security-headers.js';

const PUBLIC_FOLDER = fileURLToPath(new URL('../public/', import.meta.url));

/**
 * Creates the application for a cloud, without listening. The application closes the cloud when it
 * closes.
 */
export async function createApplication(
  cloud: Cloud,
  logger: LoggerService | false = new LabLogger(),
  allowedHosts: readonly string[] = [],
): Promise<NestExpressApplication> {
  const page = await readPage(PUBLIC_FOLDER);
  const application = await NestFactory.create<NestExpressApplication>(AppModule.on(cloud), {
    logger,
    abortOnError: false,
    forceCloseConnections: true,
  });
  application.disable('x-powered-by');
  application.use(securityHeaders(cloud));
  application.use(refuseStrangers(allowedHosts));
  application.use(compress());
  application.use(servePage(page));
  application.useGlobalFilters(new WxCloudExceptionFilter(application.getHttpAdapter()));
  application.enableShutdownHooks();
  return application;
}
