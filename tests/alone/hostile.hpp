// Macros that real platform and framework headers define, and that a library must survive.
// They are defined after the standard headers, as in a file that includes the platform's headers first.

// windows.h, winbase.h, rpcndr.h, wingdi.h
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define ERROR 0
#define NO_ERROR 0L
#define DELETE (0x00010000L)
#define IN
#define OUT
#define OPTIONAL
#define VOID void
#define CONST const
#define TRUE 1
#define FALSE 0
#define STRICT 1
#define interface struct
#define near
#define far
#define small char
#define hyper long long
#define Yield()
#define CALLBACK
#define PASCAL
#define IGNORE 0
#define INFINITE 0xFFFFFFFF
#define RELATIVE 2
#define ABSOLUTE 1
#define TRANSPARENT 1
#define GetObject GetObjectA
#define GetMessage GetMessageA
#define SendMessage SendMessageA
#define CreateFile CreateFileA
#define DeleteFile DeleteFileA
#define CreateEvent CreateEventA
// X11/X.h, X11/Xlib.h
#define None 0L
#define Always 2
#define Success 0
#define Status int
#define Bool int
#define True 1
#define False 0
#define Complex 0
#define Convex 2
#define Unsorted 0
#define Above 0
#define Below 1
// AssertMacros.h and MacTypes of the macOS SDK
#define check(assertion)
#define verify(assertion)
#define require(assertion, label)
#define nil nullptr
// Qt without QT_NO_KEYWORDS
#define emit
#define slots
#define signals public
#define foreach(variable, container) for (variable : container)
#define forever for (;;)
// Arduino.h
#define bit(b) (1UL << (b))
#define INPUT 0x0
#define OUTPUT 0x1
#define DEFAULT 1
#define DISABLED 0
// sys/sysmacros.h of older C libraries, termios.h, syslog.h, sys/param.h, math.h, resolv.h
#define major(dev) ((int)((dev) >> 8))
#define minor(dev) ((int)((dev)&0xff))
#define unix 1
#define linux 1
#define ECHO 0000010
#define CR0 0000000
#define B0 0000000
#define LOG_INFO 6
#define MIN(a, b) (((a) < (b)) ? (a) : (b))
#define MAX(a, b) (((a) > (b)) ? (a) : (b))
#define HZ 100
#define DOMAIN 1
#define SING 2
#define OVERFLOW 3
#define UNDERFLOW 4
#define PI 3.14159265358979323846
