import { ConsoleLogger } from '@nestjs/common';

/**
 * Nest's loggers that report a failed start with a stack; `main.ts` reports it in one line instead.
 */
const START_FAILURES: readonly unknown[] = ['ExceptionHandler', 'NestApplication'];

/** Nest's logger without the list of routes and without a second report of a failed start. */
export class LabLogger extends ConsoleLogger {
  constructor() {
    super({ prefix: 'image-lab', logLevels: ['log', 'warn', 'error', 'fatal'] });
  }

  override log(message: unknown, ...rest: unknown[]): void {
    const context = rest.at(-1);
    if (context === 'RouterExplorer' || context === 'RoutesResolver') return;
    if (context === 'InstanceLoader') return;
    super.log(message, ...rest);
  }

  override error(message: unknown, ...rest: unknown[]): void {
    if (!START_FAILURES.includes(rest.at(-1))) super.error(message, ...rest);
  }
}
