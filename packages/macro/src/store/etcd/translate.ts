import { must } from '@kraud/base';
import type { Compare, Entry, Op, OpResponse, TxnRequest, TxnResult, WatchEvent } from '../contract.ts';
import type { Keyspace } from './keyspace.ts';
import {
  type CompareRequest,
  compareResult,
  compareTarget,
  type RequestOp,
  type TxnMessage,
} from './wire/requests.ts';
import type { EtcdEvent, KeyValue, ResponseOp, TxnResponse } from './wire/responses.ts';

/** The store's words in etcd's, and back. */
export class Translator {
  readonly #keys: Keyspace;

  constructor(keys: Keyspace) {
    this.#keys = keys;
  }

  txn(request: TxnRequest): TxnMessage {
    return {
      compare: (request.compare ?? []).map((compare) => this.#compare(compare)),
      success: request.success.map((op) => this.#op(op)),
      failure: (request.failure ?? []).map((op) => this.#op(op)),
    };
  }

  result(request: TxnRequest, response: TxnResponse): TxnResult {
    const { succeeded, revision } = response;
    const ops = succeeded ? request.success : (request.failure ?? []);
    const responses = ops.map((op, i) =>
      this.#response(op, must(response.responses[i], 'etcd answered fewer operations than it was given')),
    );
    return { succeeded, revision, responses };
  }

  entry(kv: KeyValue): Entry {
    const { value, createRevision, modRevision, version, lease } = kv;
    return {
      key: this.#keys.inner(kv.key),
      value,
      createRevision,
      modRevision,
      version,
      ...(lease === 0 ? {} : { lease: leaseName(lease) }),
    };
  }

  event({ deleted, kv, prev }: EtcdEvent): WatchEvent {
    const key = this.#keys.inner(kv.key);
    const common = { key, revision: kv.modRevision, ...(prev ? { prev: this.entry(prev) } : {}) };
    return deleted ? { type: 'delete', ...common } : { type: 'put', ...common, entry: this.entry(kv) };
  }

  #compare(compare: Compare): CompareRequest {
    const key = this.#keys.outer(compare.key);
    switch (compare.target) {
      case 'exists': {
        const result = compareResult[compare.is ? '>' : '='];
        return { key, result, target: compareTarget.version, version: 0 };
      }
      case 'value':
        return { key, result: compareResult[compare.op], target: compareTarget.value, value: compare.to };
      default: {
        const { target, op, to } = compare;
        return { key, result: compareResult[op], target: compareTarget[target], [target]: to };
      }
    }
  }

  #op(op: Op): RequestOp {
    switch (op.op) {
      case 'get':
        return { range: { key: this.#keys.outer(op.key) } };
      case 'put': {
        const lease = op.lease === undefined ? undefined : leaseNumber(op.lease);
        return { put: { key: this.#keys.outer(op.key), value: op.value, lease } };
      }
      case 'delete':
        return { delete: { key: this.#keys.outer(op.key) } };
      case 'deletePrefix':
        return { delete: this.#keys.range(op.prefix) };
    }
  }

  #response(op: Op, kvs: ResponseOp): OpResponse {
    const [first] = kvs;
    switch (op.op) {
      case 'get':
        return { op: 'get', ...(first ? { entry: this.entry(first) } : {}) };
      case 'put':
        return { op: 'put', ...(first ? { prev: this.entry(first) } : {}) };
      default:
        return { op: op.op, deleted: kvs.map((kv) => this.entry(kv)) };
    }
  }
}

/** Leases have numbers in etcd, of which ours take 48 bits, and names in the store: the same in hex. */
export function leaseName(id: number): string {
  return id.toString(16);
}

/** A name that none of our leases has becomes a number that none has. */
function leaseNumber(name: string): number {
  return /^[0-9a-f]{1,12}$/.test(name) ? Number.parseInt(name, 16) : Number.MAX_SAFE_INTEGER;
}
