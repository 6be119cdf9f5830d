import { connect, createServer, type Server, type Socket } from 'node:net';

/** A connection to a member; `from` is the id of the member that made it, undefined for a client's. */
export interface Link {
  readonly from: string | undefined;
}

const fromHeader = /^x-server-from: *([0-9a-f]+)/im;

/**
 * Stands in front of a member's port. Members say in their requests to each other who they are, so these links can be
 * cut one by one.
 */
export class CutProxy {
  readonly #server: Server;
  readonly #links = new Map<Socket, { link: Link; target: Socket }>();
  #isCut: (link: Link) => boolean = () => false;

  private constructor(targetPort: number) {
    this.#server = createServer((socket) => this.#accept(socket, targetPort));
  }

  static async start(targetPort: number): Promise<CutProxy> {
    const proxy = new CutProxy(targetPort);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  /** From now on links of which this is true are broken, and new ones refused. */
  cut(isCut: (link: Link) => boolean): void {
    this.#isCut = isCut;
    for (const [socket, { link, target }] of this.#links) {
      if (!isCut(link)) continue;
      socket.destroy();
      target.destroy();
    }
  }

  close(): void {
    this.#server.close();
    this.cut(() => true);
  }

  #accept(socket: Socket, targetPort: number): void {
    socket.on('error', () => {});
    // One packet holds the head of a member's first request.
    socket.once('data', (head) => {
      const link = { from: fromHeader.exec(head.toString('latin1'))?.[1] };
      if (this.#isCut(link)) return void socket.destroy();
      const target = connect(targetPort, '127.0.0.1');
      this.#links.set(socket, { link, target });
      target.on('error', () => {});
      target.on('close', () => socket.destroy());
      socket.on('close', () => {
        target.destroy();
        this.#links.delete(socket);
      });
      target.write(head);
      socket.pipe(target).pipe(socket);
    });
  }
}
