import type { Cloud } from '@kraud/cloud';
import type { BodyRow } from './body/rows.ts';
import type { Call } from './call.ts';

/** What becomes of an option: honoured, honoured with the limits that the note names, or refused by name. */
export type Support = 'yes' | 'partly' | 'refused';

export type ParamKind = 'text' | 'flag' | 'number' | 'filters' | 'list';

/** One query parameter of an operation. */
export interface Param {
  readonly kind: ParamKind;
  readonly support: Support;
  readonly note?: string;
  /** For `filters`: the names it knows. */
  readonly names?: readonly string[];
}

/**
 * One operation of the API: where it is, what it takes, and what it does. A refused parameter never reaches `run`,
 * and a body is checked against its rows on the way (`Call.body`). The tables in `contracts/docker-api.md` are made
 * from these.
 */
export interface Operation {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** `:id` is one segment, `:name+` may hold slashes and is last or before one fixed segment. */
  readonly path: string;
  readonly support?: Support;
  readonly note?: string;
  readonly params?: Readonly<Record<string, Param>>;
  readonly body?: readonly BodyRow[];
  /** Its connection leaves HTTP, with `Upgrade` or without. */
  readonly hijacks?: boolean;
  run(cloud: Cloud, call: Call): Promise<void>;
}

const param =
  (support: Support) =>
  (kind: ParamKind, note?: string): Param => ({ kind, support, ...(note === undefined ? {} : { note }) });

export const yes = param('yes');
export const partly = param('partly');
export const refused = param('refused');
export const filtersOf = (...names: string[]): Param => ({ kind: 'filters', support: 'yes', names });
