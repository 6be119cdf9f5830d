import { type Static, Type } from 'typebox';
import { Meta } from './meta.ts';

/** An IPv4 network inside its tenant's VPC. */
export const Network = Type.Object({
  kind: Type.Literal('Network'),
  meta: Meta,
  spec: Type.Object({
    /** `ingress` has no addresses: it stands for ports of every host that lead to pods of services. */
    driver: Type.Union([Type.Literal('vpc'), Type.Literal('none'), Type.Literal('ingress')]),
    subnet: Type.Optional(Type.String()),
    gateway: Type.Optional(Type.String()),
    /** Block of the subnet that addresses are chosen from; absent: all of it. */
    range: Type.Optional(Type.String()),
    /** Addresses that no pod gets, by what has them. */
    reserved: Type.Optional(Type.Record(Type.String(), Type.String())),
    internal: Type.Boolean(),
    options: Type.Record(Type.String(), Type.String()),
  }),
  status: Type.Object({
    /** Blocks of the subnet by host: a host gives its pods addresses out of its own, so that no two give the same. */
    slices: Type.Optional(Type.Record(Type.String(), Type.Array(Type.String()))),
    /** Addresses that stand for all ready pods of a workload. No pod has one of them. */
    virtual: Type.Optional(
      Type.Object({
        /** Blocks of the subnet that they are chosen from: no host's. */
        slices: Type.Array(Type.String()),
        /** By the workload's uid. */
        addresses: Type.Record(Type.String(), Type.String()),
      }),
    ),
    /** Addresses that pods have asked for by number, by address. Nobody else is given one. */
    fixed: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Object({
          /** Its uid. */
          pod: Type.String(),
          /** Where it runs: with the host its claim ends. */
          host: Type.String(),
          /** Whoever has the block knows of it, and has given it to nobody. Until then the pod doesn't start. */
          agreed: Type.Boolean(),
        }),
      ),
    ),
  }),
  given: Type.Record(Type.String(), Type.Unknown()),
});
export type Network = Static<typeof Network>;
