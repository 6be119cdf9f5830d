import { Reader } from './reader.ts';

/** etcd's answers, as far as they are used here, by their field numbers in its v3 API. The rest is passed over. */
export interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** 0 without one. */
  readonly lease: number;
}

export interface RangeResponse {
  readonly revision: number;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
}

/** What an operation of a transaction answered: a range what it found, a put or delete what was there before. */
export type ResponseOp = readonly KeyValue[];

export interface TxnResponse {
  readonly revision: number;
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOp[];
}

export interface WatchResponse {
  readonly created: boolean;
  readonly canceled: boolean;
  /** 0 unless the watch was cancelled because of a compaction. */
  readonly compactRevision: number;
  readonly cancelReason: string;
  /** More of the same answer follows. */
  readonly fragment: boolean;
  readonly events: readonly EtcdEvent[];
}

export interface EtcdEvent {
  readonly deleted: boolean;
  readonly kv: KeyValue;
  readonly prev: KeyValue | undefined;
}

export interface LeaseResponse {
  readonly id: number;
  /** 0 from a keep-alive: there is no such lease. */
  readonly ttlSeconds: number;
}

export interface StatusResponse {
  readonly memberId: bigint;
  readonly leaderId: bigint;
}

export const decodeRange = decoder<RangeResponse>((reader) => {
  const range = { revision: 0, more: false };
  const kvs: KeyValue[] = [];
  reader.fields((field) => {
    if (field === 1) range.revision = reader.message(readRevision);
    else if (field === 2) kvs.push(reader.message(readKeyValue));
    else if (field === 3) range.more = reader.flag();
    else reader.skip();
  });
  return { ...range, kvs };
});

export const decodeTxn = decoder<TxnResponse>((reader) => {
  const txn = { revision: 0, succeeded: false };
  const responses: ResponseOp[] = [];
  reader.fields((field) => {
    if (field === 1) txn.revision = reader.message(readRevision);
    else if (field === 2) txn.succeeded = reader.flag();
    else if (field === 3) responses.push(reader.message(readResponseOp));
    else reader.skip();
  });
  return { ...txn, responses };
});

export const decodeWatch = decoder<WatchResponse>((reader) => {
  const watch = { created: false, canceled: false, compactRevision: 0, cancelReason: '', fragment: false };
  const events: EtcdEvent[] = [];
  reader.fields((field) => {
    if (field === 3) watch.created = reader.flag();
    else if (field === 4) watch.canceled = reader.flag();
    else if (field === 5) watch.compactRevision = reader.whole();
    else if (field === 6) watch.cancelReason = reader.text();
    else if (field === 7) watch.fragment = reader.flag();
    else if (field === 11) events.push(reader.message(readEvent));
    else reader.skip();
  });
  return { ...watch, events };
});

export const decodeLease = decoder<LeaseResponse>((reader) => {
  const lease = { id: 0, ttlSeconds: 0 };
  reader.fields((field) => {
    if (field === 2) lease.id = reader.whole();
    else if (field === 3) lease.ttlSeconds = reader.whole();
    else reader.skip();
  });
  return lease;
});

export const decodeStatus = decoder<StatusResponse>((reader) => {
  const status = { memberId: 0n, leaderId: 0n };
  reader.fields((field) => {
    if (field === 1) status.memberId = reader.message(readMemberId);
    else if (field === 4) status.leaderId = reader.wide();
    else reader.skip();
  });
  return status;
});

/** Of answers that say nothing but that it was done. */
export const decodeDone = (): true => true;

function decoder<T>(read: (reader: Reader) => T): (buffer: Buffer) => T {
  return (buffer) => read(new Reader(buffer));
}

function readRevision(reader: Reader): number {
  let revision = 0;
  reader.fields((field) => {
    if (field === 3) revision = reader.whole();
    else reader.skip();
  });
  return revision;
}

function readMemberId(reader: Reader): bigint {
  let id = 0n;
  reader.fields((field) => {
    if (field === 2) id = reader.wide();
    else reader.skip();
  });
  return id;
}

function readKeyValue(reader: Reader): KeyValue {
  const kv = { key: '', value: '', createRevision: 0, modRevision: 0, version: 0, lease: 0 };
  reader.fields((field) => {
    if (field === 1) kv.key = reader.text();
    else if (field === 2) kv.createRevision = reader.whole();
    else if (field === 3) kv.modRevision = reader.whole();
    else if (field === 4) kv.version = reader.whole();
    else if (field === 5) kv.value = reader.text();
    else if (field === 6) kv.lease = reader.whole();
    else reader.skip();
  });
  return kv;
}

/** `kvs` of a range is field 2, `prev_kv` of a put 2, `prev_kvs` of a delete 3. */
function readResponseOp(reader: Reader): ResponseOp {
  const kvs: KeyValue[] = [];
  const readKvs = (kvsField: number) => (inner: Reader) => {
    inner.fields((field) => {
      if (field === kvsField) kvs.push(inner.message(readKeyValue));
      else inner.skip();
    });
  };
  reader.fields((field) => {
    if (field === 1 || field === 2) reader.message(readKvs(2));
    else if (field === 3) reader.message(readKvs(3));
    else reader.skip();
  });
  return kvs;
}

const noKeyValue: KeyValue = { key: '', value: '', createRevision: 0, modRevision: 0, version: 0, lease: 0 };

function readEvent(reader: Reader): EtcdEvent {
  let deleted = false;
  let kv = noKeyValue;
  let prev: KeyValue | undefined;
  reader.fields((field) => {
    if (field === 1) deleted = reader.whole() === 1;
    else if (field === 2) kv = reader.message(readKeyValue);
    else if (field === 3) prev = reader.message(readKeyValue);
    else reader.skip();
  });
  return { deleted, kv, prev };
}
