import type { IncomingMessage } from 'node:http';
import { ForbiddenException, type CanActivate, type ExecutionContext } from '@nestjs/common';

/**
 * Refuses what another web site sends through the visitor's browser: a form post needs no permission to reach
 * 127.0.0.1. Mini programs, tests and command lines send no such header and are let through.
 */
export class SameOriginGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<IncomingMessage>();
    const site = headers['sec-fetch-site'];
    if (site === undefined || site === 'same-origin' || site === 'none') return true;
    throw new ForbiddenException('Requests from other web sites are refused.');
  }
}
