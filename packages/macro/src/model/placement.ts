import { type Static, Type } from 'typebox';

/** From the weakest up. A pod may take the room of pods of a weaker band, never of its own: production stands against production. */
export const Band = Type.Union([
  Type.Literal('free'),
  Type.Literal('batch'),
  Type.Literal('production'),
  Type.Literal('system'),
]);
export type Band = Static<typeof Band>;
export const bands: readonly Band[] = ['free', 'batch', 'production', 'system'];

/** A condition on a host's facts: `kr.host` (its name), `kr.rack`, `kr.zone`, `kr.role`, `kr.os`, `kr.arch`, or any label. */
export const Constraint = Type.Object({
  key: Type.String({ minLength: 1 }),
  op: Type.Union([
    Type.Literal('in'),
    Type.Literal('not-in'),
    Type.Literal('exists'),
    Type.Literal('absent'),
    Type.Literal('greater'),
    Type.Literal('less'),
  ]),
  values: Type.Array(Type.String()),
});
export type Constraint = Static<typeof Constraint>;

/** Near (or far from) pods of the same tenant that have these labels, by a fact of their hosts. */
export const PodAffinity = Type.Object({
  labels: Type.Record(Type.String(), Type.String()),
  topology: Type.String(),
  required: Type.Boolean(),
  /** How much a preference counts, 1 to 100. */
  weight: Type.Integer({ minimum: 1, maximum: 100 }),
});
export type PodAffinity = Static<typeof PodAffinity>;

export const TaintEffect = Type.Union([
  Type.Literal('no-schedule'),
  Type.Literal('prefer-no-schedule'),
  Type.Literal('evict'),
]);
export type TaintEffect = Static<typeof TaintEffect>;
export const taintEffects: readonly TaintEffect[] = ['no-schedule', 'prefer-no-schedule', 'evict'];

export const Taint = Type.Object({ key: Type.String(), value: Type.String(), effect: TaintEffect });
export type Taint = Static<typeof Taint>;

/** What is left out matches everything. */
export const Toleration = Type.Object({
  key: Type.Optional(Type.String()),
  value: Type.Optional(Type.String()),
  effect: Type.Optional(TaintEffect),
});
export type Toleration = Static<typeof Toleration>;

/** Evenly over the values of a fact, among the pods with these labels. */
export const Spread = Type.Object({
  topology: Type.String(),
  labels: Type.Record(Type.String(), Type.String()),
  maxSkew: Type.Integer({ minimum: 1 }),
  required: Type.Boolean(),
});
export type Spread = Static<typeof Spread>;

/** What hosts say they have by a label, and pods have for themselves: so many of a kind, or one by its name. */
export const GenericResource = Type.Object({
  kind: Type.String({ minLength: 1 }),
  count: Type.Integer({ minimum: 1 }),
  name: Type.Optional(Type.String({ minLength: 1 })),
});
export type GenericResource = Static<typeof GenericResource>;

/** Where a pod may and should run, and what is kept for it there. */
export const Placement = Type.Object({
  band: Band,
  /** What is reserved on the host; absent = what its VM is given, overcommitted. */
  requests: Type.Optional(
    Type.Object({ cpus: Type.Number({ minimum: 0 }), memoryBytes: Type.Integer({ minimum: 0 }) }),
  ),
  constraints: Type.Array(Constraint),
  /** Preferences among hosts. */
  prefer: Type.Array(
    Type.Object({ constraint: Constraint, weight: Type.Integer({ minimum: 1, maximum: 100 }) }),
  ),
  near: Type.Array(PodAffinity),
  far: Type.Array(PodAffinity),
  tolerations: Type.Array(Toleration),
  spread: Type.Array(Spread),
  generic: Type.Optional(Type.Array(GenericResource)),
  /** At most this many pods of the same owner on a host. */
  perHostMax: Type.Optional(Type.Integer({ minimum: 1 })),
});
export type Placement = Static<typeof Placement>;

/** Of a pod that says nothing of it. */
export const anywhere: Placement = {
  band: 'production',
  constraints: [],
  prefer: [],
  near: [],
  far: [],
  tolerations: [],
  spread: [],
};
