import { Writer } from './writer.ts';

/** etcd's requests, as far as they are used here, by their field numbers in its v3 API. */
export interface RangeRequest {
  readonly key: string;
  readonly rangeEnd?: string | undefined;
  readonly limit?: number | undefined;
  readonly revision?: number | undefined;
  readonly countOnly?: boolean;
}

export interface PutRequest {
  readonly key: string;
  readonly value: string;
  readonly lease?: number | undefined;
}

export interface DeleteRequest {
  readonly key: string;
  readonly rangeEnd?: string | undefined;
}

/** One member is set. */
export interface RequestOp {
  readonly range?: RangeRequest;
  readonly put?: PutRequest;
  readonly delete?: DeleteRequest;
}

export const compareResult = { '=': 0, '>': 1, '<': 2, '!=': 3 } as const;
export const compareTarget = { version: 0, createRevision: 1, modRevision: 2, value: 3 } as const;

export interface CompareRequest {
  readonly result: number;
  readonly target: number;
  readonly key: string;
  readonly version?: number;
  readonly createRevision?: number;
  readonly modRevision?: number;
  readonly value?: string;
}

export interface TxnMessage {
  readonly compare: readonly CompareRequest[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export interface WatchCreate {
  readonly key: string;
  readonly rangeEnd: string;
  readonly startRevision: number;
}

export const encodeRange = encoder(writeRange);
export const encodeTxn = encoder(writeTxn);

export const encodeCompaction = encoder<number>((writer, revision) => writer.whole(1, revision));

export const encodeLeaseGrant = encoder<{ id: number; ttlSeconds: number }>((writer, { id, ttlSeconds }) => {
  writer.whole(1, ttlSeconds);
  writer.whole(2, id);
});

/** Of revocations and keep-alives. */
export const encodeLeaseId = encoder<number>((writer, id) => writer.whole(1, id));

/** A watch with what was there before, in fragments when it gets large. */
export const encodeWatchCreate = encoder<WatchCreate>((writer, create) => {
  writer.message(1, create, (inner, { key, rangeEnd, startRevision }) => {
    inner.text(1, key);
    inner.text(2, rangeEnd);
    inner.whole(3, startRevision);
    inner.flag(6, true);
    inner.flag(8, true);
  });
});

export const encodeNothing = encoder<undefined>(() => {});
export const encodeMoveLeader = encoder<bigint>((writer, target) => writer.wide(1, target));

function encoder<T>(write: (writer: Writer, value: T) => void): (value: T) => Buffer {
  return (value) => {
    const writer = new Writer();
    write(writer, value);
    return writer.finish();
  };
}

function writeRange(writer: Writer, range: RangeRequest): void {
  writer.text(1, range.key);
  writer.text(2, range.rangeEnd);
  writer.whole(3, range.limit);
  writer.whole(4, range.revision);
  writer.flag(9, range.countOnly);
}

function writePut(writer: Writer, put: PutRequest): void {
  writer.text(1, put.key);
  writer.text(2, put.value);
  writer.whole(3, put.lease);
  writer.flag(4, true);
}

function writeDelete(writer: Writer, range: DeleteRequest): void {
  writer.text(1, range.key);
  writer.text(2, range.rangeEnd);
  writer.flag(3, true);
}

function writeOp(writer: Writer, op: RequestOp): void {
  writer.message(1, op.range, writeRange);
  writer.message(2, op.put, writePut);
  writer.message(3, op.delete, writeDelete);
}

function writeCompare(writer: Writer, compare: CompareRequest): void {
  writer.whole(1, compare.result);
  writer.whole(2, compare.target);
  writer.text(3, compare.key);
  writer.whole(4, compare.version);
  writer.whole(5, compare.createRevision);
  writer.whole(6, compare.modRevision);
  writer.text(7, compare.value);
}

function writeTxn(writer: Writer, txn: TxnMessage): void {
  writer.messages(1, txn.compare, writeCompare);
  writer.messages(2, txn.success, writeOp);
  writer.messages(3, txn.failure, writeOp);
}
