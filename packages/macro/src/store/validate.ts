import { KraudError } from '@kraud/base';
import { type Op, storeLimits, type TxnRequest } from './contract.ts';

const keyPattern = /^[\x21-\x7e]+$/;
const prefixPattern = /^[\x21-\x7e]*$/;

/** Refuses what no engine may take, before anything is changed. */
export function checkTxn(request: TxnRequest): void {
  for (const compare of request.compare ?? []) checkKey(compare.key);
  if ((request.compare?.length ?? 0) > storeLimits.txnOpsMax) tooMany();
  checkBranch(request.success);
  checkBranch(request.failure ?? []);
}

export function checkKey(key: string): void {
  if (key.length > storeLimits.keyBytesMax || !keyPattern.test(key)) {
    throw new KraudError('invalid', `invalid key: ${JSON.stringify(key.slice(0, 80))}`);
  }
}

export function checkPrefix(prefix: string): void {
  if (prefix.length > storeLimits.keyBytesMax || !prefixPattern.test(prefix)) {
    throw new KraudError('invalid', `invalid prefix: ${JSON.stringify(prefix.slice(0, 80))}`);
  }
}

/** A revision that a caller names: a whole number from `min` on. */
export function checkRevision(revision: number, min: number): void {
  if (!Number.isSafeInteger(revision) || revision < min) {
    throw new KraudError('invalid', `invalid revision: ${revision}`);
  }
}

function checkBranch(ops: readonly Op[]): void {
  if (ops.length > storeLimits.txnOpsMax) tooMany();
  const puts = new Set<string>();
  for (const op of ops) {
    if (op.op === 'deletePrefix') checkPrefix(op.prefix);
    else checkKey(op.key);
    if (op.op !== 'put') continue;
    if (Buffer.byteLength(op.value) > storeLimits.valueBytesMax) {
      throw new KraudError(
        'invalid',
        `the value of ${op.key} is larger than ${storeLimits.valueBytesMax} bytes`,
      );
    }
    if (puts.has(op.key)) twice(op.key);
    puts.add(op.key);
  }
  for (const op of ops) {
    if (op.op === 'delete' && puts.has(op.key)) twice(op.key);
    if (op.op !== 'deletePrefix') continue;
    for (const key of puts) if (key.startsWith(op.prefix)) twice(key);
  }
}

function twice(key: string): never {
  throw new KraudError('invalid', `the transaction changes ${key} twice`);
}

function tooMany(): never {
  throw new KraudError('invalid', `a transaction has at most ${storeLimits.txnOpsMax} operations a branch`);
}
