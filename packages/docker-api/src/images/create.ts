import type { Readable } from 'node:stream';
import { codeOf, KraudError, messageOf } from '@kraud/base';
import type { Cloud } from '@kraud/cloud';
import type { Call } from '../call.ts';
import { changesOf } from '../containers/commit.ts';
import { parsePlatform } from '../containers/platform.ts';
import { HttpFault } from '../errors.ts';
import { joinName } from '../image-names.ts';
import { type Operation, partly, yes } from '../operation.ts';
import { decompress } from '../wire/decompress.ts';
import { ProgressStream } from '../wire/progress.ts';
import { registryAuth } from './auth.ts';
import { importSource } from './import-source.ts';

/** One address with two meanings: `fromImage` pulls, `fromSrc` imports. */
export const createImage: Operation = {
  method: 'POST',
  path: '/images/create',
  params: {
    fromImage: yes('text'),
    fromSrc: partly('text', '`-`, the request’s body; a web address for the owner of the local socket'),
    tag: yes('text', 'a tag or a digest'),
    repo: yes('text'),
    message: yes('text'),
    changes: yes('list', 'Dockerfile instructions'),
    platform: yes('text'),
  },
  async run({ images }, call) {
    const fromImage = call.query.text('fromImage');
    if (fromImage !== '') return await pull(images, call, fromImage);
    if (call.query.text('fromSrc') !== '') return await importTar(images, call);
    throw new KraudError('invalid', 'fromImage or fromSrc is required');
  },
};

async function pull(images: Cloud['images'], call: Call, fromImage: string): Promise<void> {
  const { query, signal } = call;
  const platform = platformOf(call);
  const auth = registryAuth(call);
  const tag = query.text('tag');
  const reference = joinName(fromImage, tag);
  const allTags = tag === '' && !/@|:[^/]*$/.test(fromImage) && !query.has('tag');
  await new ProgressStream(call).run(async (progress) => {
    const options = {
      progress,
      signal,
      ...(platform ? { platform } : {}),
      ...(auth ? { auth } : {}),
      ...(allTags ? { allTags: true } : {}),
    };
    await images.pull(call.caller, reference, options).catch((error: unknown) => {
      throw pullFault(error, fromImage);
    });
  });
}

/**
 * With dockerd's status codes: a 401 makes clients ask for a password at the terminal, even where there is none, so
 * a registry that wants to know who asks is not told by that.
 */
function pullFault(error: unknown, name: string): unknown {
  const code = codeOf(error);
  if (code === 'unauthenticated') return new HttpFault(500, messageOf(error));
  if (code !== 'forbidden') return error;
  const denied = `pull access denied for ${name}, repository does not exist or may require 'docker login'`;
  return new HttpFault(404, `${denied}: ${messageOf(error)}`);
}

async function importTar(images: Cloud['images'], call: Call): Promise<void> {
  const { query, signal } = call;
  const source = query.text('fromSrc');
  const platform = platformOf(call);
  if (platform !== undefined && parsePlatform(platform).os !== 'linux')
    throw new KraudError('invalid', 'operating system is not supported');
  const reference = joinName(query.text('repo'), query.text('tag'));
  await new ProgressStream(call).run(async (progress) => {
    const tar: Readable = await decompress(await importSource(call, source, progress), { mayBeEmpty: true });
    const id = await images.import(call.caller, tar, {
      ...(reference === '' ? {} : { reference }),
      changes: changesOf(query.list('changes')),
      message: query.text('message') || `Imported from ${source}`,
      signal,
      ...(platform ? { platform } : {}),
    });
    progress({ status: id });
  });
}

function platformOf(call: Call): string | undefined {
  const text = call.query.text('platform');
  if (text === '') return undefined;
  parsePlatform(text);
  return text;
}
