import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { HostApi, HostPorts } from '../contract.ts';
import { duplexOf } from './bytes.ts';
import type { Caller } from './caller.ts';
import { type Channel, unexpected } from './channel.ts';
import { check } from './check.ts';
import * as s from './schemas.ts';

export async function serveConnect(host: HostApi, channel: Channel, args: unknown): Promise<void> {
  const [uid, port] = check(s.OfPort, args);
  const inside = await host.ports.connect(uid, port, channel.signal);
  await channel.sendJson('result', null);
  await carry(inside, duplexOf(channel));
}

/** Until both directions have ended; a break of one side breaks the other. */
async function carry(one: Duplex, other: Duplex): Promise<void> {
  try {
    await Promise.all([pipeline(one, other), pipeline(other, one)]);
  } finally {
    one.destroy();
    other.destroy();
  }
}

/** One datagram in each `data`. */
export async function serveDatagrams(host: HostApi, channel: Channel, args: unknown): Promise<void> {
  const [uid, port] = check(s.OfPort, args);
  const send = await host.ports.datagrams(uid, port, lossy(channel), channel.signal);
  await channel.sendJson('result', null);
  for (;;) {
    const { kind, payload } = await channel.receive();
    if (kind === 'end') return;
    if (kind !== 'data') throw unexpected(kind);
    send(payload);
  }
}

export function callPorts(caller: Caller): HostPorts {
  return {
    async connect(uid, port, signal) {
      // The signal is about the connecting; what is connected belongs to who asked for it.
      const channel = await caller.open('connect', [uid, port]);
      const onAbort = (): void => channel.cancel();
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        await channel.result(s.nothing);
        return duplexOf(channel);
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
    async datagrams(uid, port, received, signal) {
      const channel = await caller.open('datagrams', [uid, port], signal);
      await channel.result(s.nothing);
      void receiveAll(channel, received);
      return lossy(channel);
    },
  };
}

async function receiveAll(channel: Channel, received: (data: Buffer) => void): Promise<void> {
  try {
    for (;;) {
      const { kind, payload } = await channel.receive();
      if (kind !== 'data') return channel.cancel();
      received(payload);
    }
  } catch {
    // The flow is over; whoever sends on sends into nothing, as datagrams do.
  }
}

/** Sends one datagram at a time: what comes while the line is full is lost. */
function lossy(channel: Channel): (data: Buffer) => void {
  let full = false;
  return (data) => {
    if (full) return;
    full = true;
    channel.send('data', data).then(
      () => {
        full = false;
      },
      () => {},
    );
  };
}
