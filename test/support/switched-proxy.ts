import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A port behind which one server can take the place of another, as after a fail-over. */
export interface SwitchedProxy {
  readonly port: number;
  /** Ends all connections, and passes new ones to another port. */
  switchTo(port: number): void;
  /** Ends all connections. Can be called again. */
  close(): Promise<void>;
}

/** Starts a proxy that passes connections to a port of this machine. */
export async function startSwitchedProxy(firstPort: number): Promise<SwitchedProxy> {
  let target = firstPort;
  const sockets = new Set<Socket>();
  const end = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer(socket => {
    const other = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [socket, other],
      [other, socket],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    switchTo: port => {
      target = port;
      end();
    },
    close: async () => {
      if (!server.listening) return;
      server.close();
      end();
      await once(server, 'close');
    },
  };
}
