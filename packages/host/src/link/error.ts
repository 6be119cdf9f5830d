import { codeOf, type ErrorCode, KraudError, messageOf } from '@kraud/base';
import { Type } from 'typebox';
import { ExecFailure } from '../pods/exec-failure.ts';
import { check } from './check.ts';

const codes: readonly string[] = [
  'invalid',
  'unsupported',
  'unauthenticated',
  'forbidden',
  'not-found',
  'exists',
  'conflict',
  'unchanged',
  'exhausted',
  'unavailable',
  'timeout',
  'canceled',
  'corrupt',
  'internal',
] satisfies ErrorCode[];

const isCode = (code: string): code is ErrorCode => codes.includes(code);

const ErrorBody = Type.Object({
  code: Type.String(),
  message: Type.String(),
  /** Of a program that could not be run. */
  exitCode: Type.Optional(Type.Integer()),
});

/** A fault as it is told to another host: code and words, nothing of where it came from. */
export function errorBody(error: unknown): object {
  const exitCode = error instanceof ExecFailure ? { exitCode: error.exitCode } : {};
  return { code: codeOf(error), message: messageOf(error), ...exitCode };
}

/** The fault that another host told, of the same kind as it was there. */
export function errorFrom(value: unknown): KraudError {
  const { code, message, exitCode } = check(ErrorBody, value);
  if (exitCode !== undefined) return new ExecFailure(exitCode, message, undefined);
  return new KraudError(isCode(code) ? code : 'internal', message);
}

export function linkLost(cause?: unknown): KraudError {
  return new KraudError('unavailable', 'the connection to the other host was lost', { cause });
}
