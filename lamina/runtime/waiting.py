"""LLVM text of what threads wait with: the barrier of generated programs, and the loop that worker threads stand in.

Who waits spins first, as most waits are short, and then sleeps, as the thread that it waits for may want the core.

Layout of the waiting room (bytes): 0 lock-acquire, 8 lock-release (functions of the interpreter's locks), 16 how many
places there are; then a line of 64 bytes for each thread: 0 asleep, 8 lock, 16 patience. A thread that sleeps has set
its mark; who takes the mark away releases the lock once.

Layout of a pool's state (bytes): 0 function, 8 context, 16 threads, 24 waiting room, 48 how many workers have come, 56
whether the pool is taken; 64 workers still at work; then a line of 64 bytes for each worker: 0 ticket.

Who takes the pool and which number a worker has is settled here and not in Python, where an interrupt may come between
any two steps.
"""

from __future__ import annotations

from lamina.schedule.target import Target

BARRIER_BYTES = 128
POOL_HEADER = 128
WORKER_BYTES = 64
ROOM_BYTES = 64
PLACE_BYTES = 64

# Pauses, of about 20 to 45 ns each, before a thread that waits for the others of its job falls asleep. What it waits
# for comes within some microseconds, or else from a thread that has no core, perhaps for want of this one. So patience
# grows with every wait that it was long enough for, and is halved by each that it was not.
LEAST_PATIENCE = 128
MOST_PATIENCE = 16384
# A worker that found no job for so long, about a millisecond, goes to sleep.
_TIRED = 20_000


def barrier_ir(target: Target) -> str:
    """LLVM text that defines `void @lamina_barrier(ptr state, i64 thread, i64 threads, ptr room)`.

    It is internal to its module. All of `threads` threads must call it, each with its own number; none goes on before
    the last has come. What each wrote before is then seen by all. It may be met any number of times. `state` is
    `BARRIER_BYTES` zeroed bytes on a 64-byte boundary; `room` is the waiting room (`threads.waiting_room()`).
    """
    return f"""{_waiting_ir(target)}
define internal void @lamina_barrier(ptr %state, i64 %thread, i64 %threads, ptr %room) noinline nounwind {{
entry:
  %alone = icmp sle i64 %threads, 1
  br i1 %alone, label %done, label %arrive
arrive:
  %phase = getelementptr i8, ptr %state, i64 64
  %old = load atomic i64, ptr %phase monotonic, align 8
  %before = atomicrmw add ptr %state, i64 1 acq_rel, align 8
  %count = add i64 %before, 1
  %last = icmp eq i64 %count, %threads
  br i1 %last, label %open, label %wait
open:
  store atomic i64 0, ptr %state monotonic, align 8
  %previous = atomicrmw add ptr %phase, i64 1 seq_cst, align 8
  br label %rouse
rouse:
  %sleeper = phi i64 [ 0, %open ], [ %sleeper.next, %rouse ]
  call void @lamina_wake(ptr %room, i64 %sleeper)
  %sleeper.next = add i64 %sleeper, 1
  %more = icmp slt i64 %sleeper.next, %threads
  br i1 %more, label %rouse, label %done
wait:
  call void @lamina_wait(ptr %phase, i64 %old, ptr %room, i64 %thread, i64 0)
  br label %done
done:
  ret void
}}
"""


def _waiting_ir(target: Target) -> str:
    """`lamina_wait`: until a word is no longer what it was; `lamina_wake`: a thread that may sleep for a word.

    With a patience of 0 a thread has its own, which it keeps in its place.
    Who changes the word does so in one total order with the marks (`seq_cst`), and calls `lamina_wake` then.
    """
    architecture = target.triple.split("-")[0]
    hint = {
        "x86_64": "call void @llvm.x86.sse2.pause()",
        "amd64": "call void @llvm.x86.sse2.pause()",
        "aarch64": "call void @llvm.aarch64.hint(i32 1)",
        "arm64": "call void @llvm.aarch64.hint(i32 1)",
    }.get(architecture, "")
    return f"""
define internal void @lamina_wait(ptr %word, i64 %old, ptr %room, i64 %thread, i64 %fixed) nounwind {{
entry:
  %places.at = getelementptr i8, ptr %room, i64 16
  %places = load i64, ptr %places.at, align 8
  %has.place = icmp slt i64 %thread, %places
  %offset = mul i64 %thread, {PLACE_BYTES}
  %line = getelementptr i8, ptr %room, i64 %offset
  %asleep = getelementptr i8, ptr %line, i64 {ROOM_BYTES}
  %lock.at = getelementptr i8, ptr %asleep, i64 8
  %own.at = getelementptr i8, ptr %asleep, i64 16
  %adapts = icmp eq i64 %fixed, 0
  %own.read = and i1 %adapts, %has.place
  br i1 %own.read, label %adapt, label %begin
adapt:
  %own = load i64, ptr %own.at, align 8
  br label %begin
begin:
  %patience = phi i64 [ %fixed, %entry ], [ %own, %adapt ]
  br label %look
look:
  %spins = phi i64 [ 0, %begin ], [ %spins.next, %pause ], [ %patience, %slept ]
  %now = load atomic i64, ptr %word acquire, align 8
  %same = icmp eq i64 %now, %old
  br i1 %same, label %still, label %over
still:
  %tired = icmp sge i64 %spins, %patience
  %sleepy = and i1 %tired, %has.place
  br i1 %sleepy, label %lie.down, label %pause
pause:
  {hint}
  %spins.next = add i64 %spins, 1
  br label %look
lie.down:
  store atomic i64 1, ptr %asleep seq_cst, align 8
  %recheck = load atomic i64, ptr %word seq_cst, align 8
  %unchanged = icmp eq i64 %recheck, %old
  br i1 %unchanged, label %sleep, label %get.up
get.up:
  %mark = atomicrmw xchg ptr %asleep, i64 0 seq_cst, align 8
  %mine = icmp ne i64 %mark, 0
  br i1 %mine, label %slept, label %sleep
sleep:
  %lock = load ptr, ptr %lock.at, align 8
  %acquire = load ptr, ptr %room, align 8
  %ignored = call i32 %acquire(ptr %lock, i32 1)
  br label %slept
slept:
  br label %look
over:
  br i1 %own.read, label %learn, label %done
learn:
  %late = icmp sge i64 %spins, %patience
  %half = lshr i64 %patience, 1
  %growth = lshr i64 %patience, 5
  %grown = add i64 %patience, %growth
  %changed = select i1 %late, i64 %half, i64 %grown
  %at.least = call i64 @llvm.smax.i64(i64 %changed, i64 {LEAST_PATIENCE})
  %within = call i64 @llvm.smin.i64(i64 %at.least, i64 {MOST_PATIENCE})
  store i64 %within, ptr %own.at, align 8
  br label %done
done:
  ret void
}}

define internal void @lamina_wake(ptr %room, i64 %thread) nounwind {{
entry:
  %places.at = getelementptr i8, ptr %room, i64 16
  %places = load i64, ptr %places.at, align 8
  %has.place = icmp slt i64 %thread, %places
  br i1 %has.place, label %ask, label %done
ask:
  %offset = mul i64 %thread, {PLACE_BYTES}
  %line = getelementptr i8, ptr %room, i64 %offset
  %asleep = getelementptr i8, ptr %line, i64 {ROOM_BYTES}
  %may.sleep = load atomic i64, ptr %asleep seq_cst, align 8
  %marked = icmp ne i64 %may.sleep, 0
  br i1 %marked, label %take, label %done
take:
  %was = atomicrmw xchg ptr %asleep, i64 0 seq_cst, align 8
  %sleeps = icmp ne i64 %was, 0
  br i1 %sleeps, label %release, label %done
release:
  %lock.at = getelementptr i8, ptr %asleep, i64 8
  %lock = load ptr, ptr %lock.at, align 8
  %release.at = getelementptr i8, ptr %room, i64 8
  %function = load ptr, ptr %release.at, align 8
  call void %function(ptr %lock)
  br label %done
done:
  ret void
}}
"""


def pool_ir(target: Target) -> str:
    """LLVM text of the two sides of a pool: `lamina_run` for the caller, `lamina_worker` for the others."""
    return _waiting_ir(target) + _TAKE_IR + _RUN_IR + _WORKER_IR


_TAKE_IR = """
define i32 @lamina_take(ptr %state) nounwind {
  %taken = getelementptr i8, ptr %state, i64 56
  %before = atomicrmw xchg ptr %taken, i64 1 acquire, align 8
  %free = icmp eq i64 %before, 0
  %result = zext i1 %free to i32
  ret i32 %result
}
"""

# Hands the job out, does the caller's part, waits for the rest, and returns 1; returns 0 at once where the pool is
# taken.
_RUN_IR = f"""
define i32 @lamina_run(ptr %state, ptr %function, ptr %context, i64 %threads) nounwind {{
entry:
  %free = call i32 @lamina_take(ptr %state)
  %refused = icmp eq i32 %free, 0
  br i1 %refused, label %busy, label %start
busy:
  ret i32 0
start:
  store ptr %function, ptr %state, align 8
  %context.at = getelementptr i8, ptr %state, i64 8
  store ptr %context, ptr %context.at, align 8
  %threads.at = getelementptr i8, ptr %state, i64 16
  store i64 %threads, ptr %threads.at, align 8
  %room.at = getelementptr i8, ptr %state, i64 24
  %room = load ptr, ptr %room.at, align 8
  %pending = getelementptr i8, ptr %state, i64 64
  %others = sub i64 %threads, 1
  store atomic i64 %others, ptr %pending monotonic, align 8
  br label %head
head:
  %w = phi i64 [ 1, %start ], [ %next, %tell ]
  %more = icmp slt i64 %w, %threads
  br i1 %more, label %tell, label %work
tell:
  call void @lamina_tell(ptr %state, i64 %w, i64 1)
  %next = add i64 %w, 1
  br label %head
work:
  call void %function(ptr %context, i64 0, i64 %threads)
  br label %wait
wait:
  %left = load atomic i64, ptr %pending acquire, align 8
  %finished = icmp eq i64 %left, 0
  br i1 %finished, label %done, label %still
still:
  call void @lamina_wait(ptr %pending, i64 %left, ptr %room, i64 0, i64 0)
  br label %wait
done:
  %taken = getelementptr i8, ptr %state, i64 56
  store atomic i64 0, ptr %taken release, align 8
  ret i32 1
}}

define void @lamina_tell(ptr %state, i64 %worker, i64 %step) nounwind {{
  %offset = mul i64 %worker, {WORKER_BYTES}
  %line = getelementptr i8, ptr %state, i64 %offset
  %ticket = getelementptr i8, ptr %line, i64 {POOL_HEADER - WORKER_BYTES}
  %ignored = atomicrmw add ptr %ticket, i64 %step seq_cst, align 8
  %room.at = getelementptr i8, ptr %state, i64 24
  %room = load ptr, ptr %room.at, align 8
  call void @lamina_wake(ptr %room, i64 %worker)
  ret void
}}
"""

# A ticket that changed means a job; one that is negative means the end. A thread too many goes home.
_WORKER_IR = f"""
define void @lamina_worker(ptr %state, i64 %places) nounwind {{
entry:
  %come = getelementptr i8, ptr %state, i64 48
  %earlier = atomicrmw add ptr %come, i64 1 acq_rel, align 8
  %worker = add i64 %earlier, 1
  %place = icmp sle i64 %worker, %places
  br i1 %place, label %begin, label %done
begin:
  %offset = mul i64 %worker, {WORKER_BYTES}
  %line = getelementptr i8, ptr %state, i64 %offset
  %ticket.at = getelementptr i8, ptr %line, i64 {POOL_HEADER - WORKER_BYTES}
  %context.at = getelementptr i8, ptr %state, i64 8
  %threads.at = getelementptr i8, ptr %state, i64 16
  %room.at = getelementptr i8, ptr %state, i64 24
  %room = load ptr, ptr %room.at, align 8
  %pending = getelementptr i8, ptr %state, i64 64
  br label %idle
idle:
  %seen = phi i64 [ 0, %begin ], [ %ticket, %work ], [ %ticket, %last ]
  call void @lamina_wait(ptr %ticket.at, i64 %seen, ptr %room, i64 %worker, i64 {_TIRED})
  %ticket = load atomic i64, ptr %ticket.at acquire, align 8
  %end = icmp slt i64 %ticket, 0
  br i1 %end, label %done, label %work
work:
  %function = load ptr, ptr %state, align 8
  %context = load ptr, ptr %context.at, align 8
  %threads = load i64, ptr %threads.at, align 8
  call void %function(ptr %context, i64 %worker, i64 %threads)
  %left = atomicrmw sub ptr %pending, i64 1 seq_cst, align 8
  %all = icmp eq i64 %left, 1
  br i1 %all, label %last, label %idle
last:
  call void @lamina_wake(ptr %room, i64 0)
  br label %idle
done:
  ret void
}}
"""
