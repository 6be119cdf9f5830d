import type { Operation } from '../operation.ts';
import { createOf } from './create.ts';
import { inspectOf } from './inspect.ts';
import { listOf } from './list.ts';
import { removeOf } from './remove.ts';
import type { Source } from './source.ts';
import { configSource, secretSource } from './source.ts';
import { updateOf } from './update.ts';

const operationsOf = (source: Source): Operation[] =>
  [listOf, createOf, inspectOf, updateOf, removeOf].map((make) => make(source));

/** Secrets and configs: the same operations on two kinds. */
export const fileOperations: readonly Operation[] = [
  ...operationsOf(secretSource),
  ...operationsOf(configSource),
];
