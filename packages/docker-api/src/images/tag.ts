import { KraudError } from '@kraud/base';
import { joinName } from '../image-names.ts';
import { type Operation, yes } from '../operation.ts';

export const tagImage: Operation = {
  method: 'POST',
  path: '/images/:name+/tag',
  params: { repo: yes('text'), tag: yes('text') },
  async run({ images }, call) {
    const reference = joinName(call.query.text('repo'), call.query.text('tag'));
    if (reference === '') throw new KraudError('invalid', 'repo is required');
    await images.tag(call.caller, call.param('name'), reference);
    call.empty(201);
  },
};
