import { type Static, Type } from 'typebox';
import { Meta } from './meta.ts';
import { Taint } from './placement.ts';

/**
 * A machine that runs pods. Capacity is measured by its host agent, not configured. `meta.labels` are its facts;
 * `kr.zone` and `kr.rack` are failure domains.
 */
export const Host = Type.Object({
  kind: Type.Literal('Host'),
  meta: Meta,
  spec: Type.Object({
    /** Takes no new pods. */
    cordoned: Type.Boolean(),
    /** Its pods are to move away, too. */
    drained: Type.Optional(Type.Boolean()),
    taints: Type.Optional(Type.Array(Taint)),
    /** What Swarm calls a manager. Every host answers every call, so it means little. */
    manager: Type.Optional(Type.Boolean()),
  }),
  status: Type.Object({
    ready: Type.Boolean(),
    cpus: Type.Integer({ minimum: 1 }),
    memoryBytes: Type.Integer({ minimum: 0 }),
    architecture: Type.String(),
    kernel: Type.String(),
    operatingSystem: Type.String(),
    accelerator: Type.Object({
      kind: Type.Union([Type.Literal('kvm'), Type.Literal('tcg')]),
      reason: Type.String(),
    }),
    heartbeatAt: Type.String(),
    /** Where other hosts reach it, `ip:port`; absent on a cloud of one. */
    address: Type.Optional(Type.String()),
    version: Type.Optional(Type.String()),
    /** How far it has followed the cloud's CA: digests of the root that signed its certificate, and of those it trusts. */
    trust: Type.Optional(Type.Object({ issuer: Type.String(), roots: Type.Array(Type.String()) })),
    /** What encrypts between its pods and those of other hosts, and why that; absent on a cloud of one. */
    tunnel: Type.Optional(
      Type.Object({
        kind: Type.Union([Type.Literal('kernel'), Type.Literal('wireguard-go'), Type.Literal('none')]),
        reason: Type.String(),
        /** Its end of each tenant's tunnel: a WireGuard public key, and the UDP port at the address's IP. */
        ends: Type.Record(
          Type.String(),
          Type.Object({ key: Type.String(), port: Type.Integer({ minimum: 1, maximum: 65535 }) }),
        ),
      }),
    ),
    /** When its lease was found to have ended; its pods move from then on. */
    lostAt: Type.Optional(Type.String()),
    /** Images that it has, by id. */
    images: Type.Optional(Type.Array(Type.String())),
    /** Measured use, for reclaiming: by pod uid. */
    usage: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Object({ cpus: Type.Number({ minimum: 0 }), memoryBytes: Type.Integer({ minimum: 0 }) }),
      ),
    ),
  }),
  given: Type.Record(Type.String(), Type.Unknown()),
});
export type Host = Static<typeof Host>;
